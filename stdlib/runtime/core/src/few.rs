//! A list of mostly few things, which then need no memory of their own.

/// Up to `N` things in place, and those beyond in memory of their own.
#[derive(Debug)]
pub(crate) struct Few<T, const N: usize> {
    some: [Option<T>; N],
    more: Vec<T>,
    count: usize,
}

impl<T, const N: usize> Few<T, N> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { some: [const { None }; N], more: Vec::new(), count: 0 }
    }

    /// Puts one behind the others.
    #[inline]
    pub(crate) fn push(&mut self, item: T) {
        match self.some.get_mut(self.count) {
            Some(place) => *place = Some(item),
            None => self.more.push(item),
        }
        self.count += 1;
    }

    /// The one at a place.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        match self.some.get(at) {
            Some(item) => item.as_ref(),
            None => self.more.get(at - N),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn few_and_many_are_one_list() {
        for count in 0..6 {
            let mut few: Few<usize, 3> = Few::new();
            (0..count).for_each(|item| few.push(item));
            assert!((0..count).all(|at| few.get(at) == Some(&at)));
            assert_eq!((few.get(count), few.get(count + 4)), (None, None));
        }
    }
}
