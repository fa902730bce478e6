"""The watch over a stage, as a Lambda function of the monitoring stack."""
