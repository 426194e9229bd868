//! Seeded generators of realistic histories.
