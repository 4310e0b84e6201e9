"""What every node of the workspace needs: parameters, QoS, start and stop."""
