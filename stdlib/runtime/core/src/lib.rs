//! Values, arithmetic, batches, tiles, aggregates, rules and trees: pure, without I/O.
