"""EC-RFERNet: facial expression recognition for edge devices."""
