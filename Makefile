# The commands of a working day; `check` is exactly what CI runs.
.PHONY: check demo format lock

check:
	bash .ci/run

demo:
	python3 scripts/demo.py

format:
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Refresh every lock after a change of pyproject.toml (needs uv).
lock:
	uv lock
	uv export --frozen --no-emit-project --no-default-groups --output-file requirements/run.txt --quiet
	uv export --frozen --no-emit-project --no-default-groups --extra celery --output-file requirements/celery.txt --quiet
	uv export --frozen --no-emit-project --no-default-groups --extra kubernetes --output-file requirements/kubernetes.txt --quiet
	uv export --frozen --no-emit-project --no-default-groups --extra vault --extra aws --extra azure --extra gcp --output-file requirements/secrets.txt --quiet
	uv export --frozen --no-emit-project --only-group build --output-file requirements/build.txt --quiet
	uv export --frozen --no-emit-project --only-group installer --output-file requirements/installer.txt --quiet
	uv export --frozen --no-emit-project --no-default-groups --group demo --output-file requirements/demo.txt --quiet
	uv export --frozen --no-emit-project --no-default-groups --group demo --group dev --output-file requirements/dev.txt --quiet
