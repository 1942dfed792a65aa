"""What other machines ask the connector over HTTP: is it alive, is it ready, how far is it."""
