"""Recording for research: a bag of what the robot saw, decided and did."""
