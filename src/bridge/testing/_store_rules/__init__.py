"""What every checkpoint store must do, as a suite of cases."""
