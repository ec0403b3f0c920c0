"""The parts that both fake services share."""
