"""HTTP in and out: the contract's bodies and the Falcon resources that carry them."""
