//! The planes in which a node runs.

use std::fmt;

use fec_model::model::Plane;
use serde::{Serialize, Serializer};

/// A set of planes, in a byte. It is written as a list in their order.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Planes(u8);

const ORDER: [Plane; 3] = [Plane::Batch, Plane::Stream, Plane::Online];

impl Planes {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        ORDER.into_iter().collect()
    }

    /// Whether a plane is one of them.
    #[must_use]
    pub fn contains(self, plane: Plane) -> bool {
        self.0 & bit(plane) != 0
    }

    /// The planes in order.
    pub fn iter(self) -> impl Iterator<Item = Plane> {
        ORDER.into_iter().filter(move |plane| self.contains(*plane))
    }
}

fn bit(plane: Plane) -> u8 {
    match plane {
        Plane::Batch => 1,
        Plane::Stream => 2,
        Plane::Online => 4,
    }
}

impl From<Plane> for Planes {
    fn from(plane: Plane) -> Self {
        Self(bit(plane))
    }
}

impl FromIterator<Plane> for Planes {
    fn from_iter<I: IntoIterator<Item = Plane>>(planes: I) -> Self {
        let mut set = Self::default();
        set.extend(planes);
        set
    }
}

impl Extend<Plane> for Planes {
    fn extend<I: IntoIterator<Item = Plane>>(&mut self, planes: I) {
        planes.into_iter().for_each(|plane| self.0 |= bit(plane));
    }
}

impl fmt::Debug for Planes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Planes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_stand_once_and_in_order() {
        let mut planes = Planes::from(Plane::Online);
        planes.extend([Plane::Online, Plane::Batch]);
        assert_eq!(planes.iter().collect::<Vec<_>>(), [Plane::Batch, Plane::Online]);
        assert!(planes.contains(Plane::Batch) && !planes.contains(Plane::Stream));
        assert_eq!(serde_json::to_value(planes).unwrap(), serde_json::json!(["batch", "online"]));
        assert_eq!(serde_json::to_value(Planes::all()).unwrap(), serde_json::json!(["batch", "stream", "online"]));
    }
}
