"""BasisNet: a light network mixes the kernels of a second one."""
