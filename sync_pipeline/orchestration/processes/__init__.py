"""The processes: launching a run, and keeping the code server, webserver and daemon."""
