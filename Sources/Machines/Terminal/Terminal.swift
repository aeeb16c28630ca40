// Terminal: the checkout, from idle to committed.
