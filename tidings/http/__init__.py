"""HTTP: routes, problems and pagination behind Amazon API Gateway."""
