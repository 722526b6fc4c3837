"""On what is computed: devices, arithmetic, processes."""
