"""Coming over from nodes.pp: a wing that nothing else needs."""
