"""The attacks, a module each: `attack(plan, amount)` gives an `Outcome`."""
