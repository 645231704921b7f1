"""What sizes mean over time: trends, forecasts, anomalies. Pure."""
