"""The values for Dagster's chart: keys that the chart has, and settings that we have.

The chart's own schema is not here: these are the keys of the parts that we use, read
from copies of the chart's schema, which refuses unknown ones in the launcher and the daemon.
"""

from __future__ import annotations

from typing import Any

import yaml

from sync_pipeline.settings import Settings, project_root

KEYS = {
    "": {
        "global", "generatePostgresqlPasswordSecret", "postgresql", "dagster-user-deployments",
        "runLauncher", "dagsterDaemon", "dagsterWebserver", "computeLogManager", "rabbitmq",
        "redis", "flower", "ingress", "telemetry", "retention", "pythonLogs", "concurrency",
        "serviceAccount", "imagePullSecrets", "migrate", "scheduler", "additionalInstanceConfig",
    },
    "postgresql": {
        "enabled", "image", "postgresqlHost", "postgresqlUsername", "postgresqlPassword",
        "postgresqlDatabase", "postgresqlParams", "postgresqlScheme", "service",
    },
    "dagster-user-deployments": {
        "enabled", "enableSubchart", "imagePullSecrets", "deployments",
    },
    "deployment": {
        "name", "image", "dagsterApiGrpcArgs", "codeServerArgs", "includeConfigInLaunchedRuns",
        "port", "env", "envConfigMaps", "envSecrets", "annotations", "nodeSelector", "affinity",
        "tolerations", "podSecurityContext", "securityContext", "resources", "livenessProbe",
        "readinessProbe", "startupProbe", "labels", "volumeMounts", "volumes", "schedulerName",
    },
    "k8sRunLauncher": {
        "image", "imagePullPolicy", "jobNamespace", "loadInclusterConfig", "kubeconfigFile",
        "envConfigMaps", "envSecrets", "envVars", "volumeMounts", "volumes", "labels",
        "failPodOnRunFailure", "resources", "schedulerName", "securityContext", "runK8sConfig",
    },
    "runK8sConfig": {
        "containerConfig", "podSpecConfig", "podTemplateSpecMetadata", "jobSpecConfig",
        "jobMetadata",
    },
    "dagsterDaemon": {
        "enabled", "image", "runCoordinator", "heartbeatTolerance", "env", "envConfigMaps",
        "envSecrets", "deploymentLabels", "labels", "nodeSelector", "affinity", "tolerations",
        "podSecurityContext", "securityContext", "resources", "livenessProbe", "readinessProbe",
        "startupProbe", "annotations", "runMonitoring", "runRetries", "sensors", "schedules",
        "schedulerName", "volumeMounts", "volumes",
    },
    "queuedRunCoordinator": {
        "maxConcurrentRuns", "tagConcurrencyLimits", "dequeueIntervalSeconds",
        "dequeueNumWorkers", "dequeueUseThreads",
    },
    "runMonitoring": {
        "enabled", "startTimeoutSeconds", "cancelTimeoutSeconds", "maxResumeRunAttempts",
        "pollIntervalSeconds", "freeSlotsAfterRunEndSeconds",
    },
}  # fmt: skip
DIRECTORY = project_root() / "docs" / "kubernetes"
VALUES: dict[str, Any] = yaml.safe_load((DIRECTORY / "values.yaml").read_text())
SECRETS: list[dict[str, Any]] = list(yaml.safe_load_all((DIRECTORY / "secrets.yaml").read_text()))
DEPLOYMENT = VALUES["dagster-user-deployments"]["deployments"][0]
LAUNCHER = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
DAEMON = VALUES["dagsterDaemon"]
QUEUE = DAEMON["runCoordinator"]["config"]["queuedRunCoordinator"]


def test_every_key_is_one_of_the_chart() -> None:
    parts = {
        "": VALUES,
        "postgresql": VALUES["postgresql"],
        "dagster-user-deployments": VALUES["dagster-user-deployments"],
        "deployment": DEPLOYMENT,
        "k8sRunLauncher": LAUNCHER,
        "runK8sConfig": LAUNCHER["runK8sConfig"],
        "dagsterDaemon": DAEMON,
        "queuedRunCoordinator": QUEUE,
        "runMonitoring": DAEMON["runMonitoring"],
    }
    assert not {(name, key) for name, part in parts.items() for key in set(part) - KEYS[name]}


def test_every_variable_is_a_setting() -> None:
    known = {f"SYNC_PIPELINE_{name.upper()}" for name in Settings.model_fields}
    secret = {name for item in SECRETS for name in item["stringData"] if name.isupper()}
    plain = {item["name"]: item["value"] for item in DEPLOYMENT["env"]}
    assert secret
    assert secret | set(plain) <= known
    assert not secret & set(plain)
    assert all(isinstance(value, str) for value in plain.values())  # what Kubernetes takes
    fields = {name.removeprefix("SYNC_PIPELINE_").lower(): value for name, value in plain.items()}
    Settings.model_validate(fields)


def test_every_secret_is_in_the_manifest_and_empty() -> None:
    asked = {item["name"] for item in DEPLOYMENT["envSecrets"]}
    asked.add(VALUES["global"]["postgresqlSecretName"])
    assert asked == {item["metadata"]["name"] for item in SECRETS}
    assert all(value == "" for item in SECRETS for value in item["stringData"].values())
    assert "postgresqlPassword" not in VALUES["postgresql"]


def test_limits_and_monitoring_are_those_of_dagster_yaml() -> None:
    ours = yaml.safe_load((project_root() / "dagster.yaml").read_text())
    runs = ours["concurrency"]["runs"]
    assert QUEUE["maxConcurrentRuns"] == runs["max_concurrent_runs"]
    assert QUEUE["tagConcurrencyLimits"] == runs["tag_concurrency_limits"]
    assert DAEMON["runMonitoring"]["enabled"] is True
    for name in ("auto_materialize", "freshness"):
        assert VALUES["additionalInstanceConfig"][name] == ours[name]
    assert DAEMON["runRetries"]["enabled"] is False
