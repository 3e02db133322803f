"""Who a machine is and what follows from it, by rules that service and provisioner share. Pure."""
