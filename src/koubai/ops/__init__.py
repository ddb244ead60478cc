"""The primitive ops: each declared once, with its forward on arrays, the rule for its result's shape and dtype,
and its gradient, one short formula per input, written in the same ops."""
