"""Tables at an endpoint: ours, or any that speaks DynamoDB's protocol, with the methods of Table."""
