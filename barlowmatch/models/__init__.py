"""Networks: the backbones and what stands on them."""
