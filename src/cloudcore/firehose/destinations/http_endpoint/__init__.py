"""HTTP endpoint: requests by the published specification."""
