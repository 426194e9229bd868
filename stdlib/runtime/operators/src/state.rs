//! Keyed state in memory: interned keys, changes since the last freeze, and the way back to the last commit.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::operator::OperatorError;

/// One changed entry of keyed state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The key's encoding.
    pub key: Vec<u8>,
    /// The new value, or `None` where the entry is gone.
    pub value: Option<Vec<u8>>,
}

/// Takes in what operators freeze: all keys and values lie in one run of bytes, which serves one freeze after the other.
#[derive(Debug, Default)]
pub struct StateWriter {
    bytes: Vec<u8>,
    /// Where each key and its value end; a key without a value is gone.
    ends: Vec<(usize, Option<usize>)>,
}

impl StateWriter {
    /// Writes one entry; without a value it is gone.
    pub fn put(&mut self, key: &[u8], value: Option<impl FnOnce(&mut Vec<u8>)>) {
        self.bytes.extend_from_slice(key);
        let key = self.bytes.len();
        let value = value.map(|write| {
            write(&mut self.bytes);
            self.bytes.len()
        });
        self.ends.push((key, value));
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets what was written, but not the memory that it took.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// What was written, in order: each key and its new value, or `None` where the entry is gone.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let mut start = 0;
        self.ends.iter().map(move |(key, value)| {
            let part = |from, to| self.bytes.get(from..to).unwrap_or_default();
            let entry = (part(start, *key), value.map(|value| part(*key, value)));
            start = value.unwrap_or(*key);
            entry
        })
    }

    /// As [`StateWriter::iter`], owned.
    #[must_use]
    pub fn into_changes(self) -> Vec<StateChange> {
        let owned =
            |(key, value): (&[u8], Option<&[u8]>)| StateChange { key: key.to_vec(), value: value.map(<[u8]>::to_vec) };
        self.iter().map(owned).collect()
    }
}

/// The place of an interned key; stays valid until its value is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u32);

/// A key, in its entry itself where it is short: a look at the entry is then all that it takes to compare it.
#[derive(Debug)]
enum Key {
    Short { length: u8, bytes: [u8; Self::SHORT] },
    Long(Box<[u8]>),
}

impl Key {
    /// With that many the entry of a feature's key takes two cache lines.
    const SHORT: usize = 30;

    fn new(key: &[u8]) -> Self {
        let mut bytes = [0; Self::SHORT];
        match (bytes.get_mut(..key.len()), u8::try_from(key.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(key);
                Self::Short { length, bytes }
            }
            _ => Self::Long(key.into()),
        }
    }

    /// Looks at the key, but at nothing behind it.
    #[inline]
    fn length(&self) -> usize {
        match self {
            Self::Short { length, .. } => usize::from(*length),
            Self::Long(bytes) => bytes.len(),
        }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

/// Where a key's entry is, with a part of the key's hash: keys that differ are told apart here, and the index grows without
/// a look at any entry.
#[derive(Debug, Clone, Copy)]
struct Place {
    slot: u32,
    tag: u32,
}

impl Place {
    /// The hash under which the index has it.
    #[inline]
    fn spread(tag: u32) -> u64 {
        u64::from(tag).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// The part of a key's hash by which it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u32);

/// What an undo list has of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saved {
    /// Nothing: the key has not changed.
    Nothing,
    /// That there was no value.
    Absence,
    Value,
}

#[derive(Debug)]
struct Entry<V> {
    /// With its value: whoever looks a key up mostly needs the value next, and has then asked memory for both.
    key: Key,
    value: Option<V>,
    tag: Tag,
    /// Changed since the last freeze.
    dirty: bool,
    /// What the undo list has of the last commit.
    saved: Saved,
    /// Whoever takes in what is frozen has a value for the key.
    stored: bool,
    live: bool,
}

/// Values by key, with an undo list: the first change of a value after a commit saves a copy of it.
#[derive(Debug)]
pub struct Keyed<V> {
    index: HashTable<Place>,
    hasher: DefaultHashBuilder,
    entries: Vec<Entry<V>>,
    free: Vec<u32>,
    dirty: Vec<u32>,
    undo: Vec<(u32, Option<V>)>,
    /// Values that a commit took off the undo list, for the copies to come: they have the memory for them.
    spare: Vec<V>,
    tracked: bool,
}

impl<V> Default for Keyed<V> {
    fn default() -> Self {
        Self {
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            entries: Vec::new(),
            free: Vec::new(),
            dirty: Vec::new(),
            undo: Vec::new(),
            spare: Vec::new(),
            tracked: true,
        }
    }
}

impl<V: Clone> Keyed<V> {
    /// Whether changes are remembered for freeze and rollback; true at first. Set before the first change.
    pub fn track(&mut self, on: bool) {
        self.tracked = on;
    }

    /// The slot of `key`, made where there is none yet.
    #[inline]
    pub fn intern(&mut self, key: &[u8]) -> Slot {
        self.intern_tagged(self.tag(key), key)
    }

    /// As [`Keyed::intern`], with the [`Keyed::tag`] of `key`.
    #[inline]
    pub fn intern_tagged(&mut self, tag: Tag, key: &[u8]) -> Slot {
        if let Some(slot) = self.lookup_tagged(tag, key) {
            return slot;
        }
        let key = Key::new(key);
        let saved = Saved::Nothing;
        let entry = Entry { key, value: None, tag, dirty: false, saved, stored: false, live: true };
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(place) = self.entries.get_mut(slot as usize) {
                    *place = entry;
                }
                slot
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        let Tag(tag) = tag;
        self.index.insert_unique(Place::spread(tag), Place { slot, tag }, |place| Place::spread(place.tag));
        Slot(slot)
    }

    /// The slot of `key`, if it has one.
    #[inline]
    #[must_use]
    pub fn lookup(&self, key: &[u8]) -> Option<Slot> {
        self.lookup_tagged(self.tag(key), key)
    }

    /// What a key is looked for by. Who computes those of many keys first has them looked for in one go, so that memory
    /// gives several at once.
    #[inline]
    #[must_use]
    pub fn tag(&self, key: &[u8]) -> Tag {
        let hash = self.hasher.hash_one(key);
        Tag((hash ^ (hash >> 32)) as u32)
    }

    /// Looks at the places of keys by their tags alone, and then at the entries there, so that memory gives those of many
    /// keys side by side: a look-up of one compares what it found before the next begins.
    pub fn ask_for(&self, tags: impl Iterator<Item = Tag>) {
        let found = tags.filter_map(|Tag(tag)| self.index.find(Place::spread(tag), |place| place.tag == tag));
        let slots: Vec<u32> = found.map(|place| place.slot).collect();
        let seen = slots.iter().filter_map(|slot| self.entries.get(*slot as usize)).fold(0, |seen, entry| {
            // The key and the value lie in a cache line each.
            seen ^ entry.key.length() ^ usize::from(entry.value.is_some())
        });
        std::hint::black_box(seen);
    }

    /// As [`Keyed::lookup`], with the [`Keyed::tag`] of `key`.
    #[inline]
    #[must_use]
    pub fn lookup_tagged(&self, tag: Tag, key: &[u8]) -> Option<Slot> {
        let Tag(tag) = tag;
        let same = |place: &Place| {
            place.tag == tag && self.entries.get(place.slot as usize).is_some_and(|entry| entry.key.bytes() == key)
        };
        self.index.find(Place::spread(tag), same).map(|place| Slot(place.slot))
    }

    /// The value of a slot.
    #[inline]
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&V> {
        self.entries.get(slot.0 as usize).and_then(|entry| entry.value.as_ref())
    }

    /// The key of a slot.
    #[must_use]
    pub fn key(&self, slot: Slot) -> &[u8] {
        self.entries.get(slot.0 as usize).map(|entry| entry.key.bytes()).unwrap_or_default()
    }

    /// The value of a slot, to be changed, made by `make` where there is none.
    #[inline]
    pub fn change(&mut self, slot: Slot, make: impl FnOnce() -> V) -> Option<&mut V> {
        self.note(slot);
        self.entries.get_mut(slot.0 as usize).map(|entry| entry.value.get_or_insert_with(make))
    }

    /// Removes the value of a slot.
    pub fn remove(&mut self, slot: Slot) {
        if self.get(slot).is_none() {
            return;
        }
        self.empty(slot);
        self.forget_unused(slot);
    }

    /// Removes the value of a slot, which may get another before [`Keyed::forget_unused`].
    pub fn empty(&mut self, slot: Slot) {
        self.note(slot);
        if let Some(entry) = self.entries.get_mut(slot.0 as usize) {
            entry.value = None;
        }
    }

    /// Gives a slot without a value back, now or after the commit that it has to wait for: what nobody has seen of a key
    /// that came and went since the last one need not wait.
    pub fn forget_unused(&mut self, slot: Slot) {
        let unused = self.entries.get(slot.0 as usize).is_some_and(|entry| {
            let is_unseen = !entry.dirty || !entry.stored;
            entry.value.is_none() && entry.saved != Saved::Value && is_unseen
        });
        if unused {
            self.release(slot.0);
        }
    }

    #[inline]
    fn note(&mut self, slot: Slot) {
        if !self.tracked {
            return;
        }
        let Some(entry) = self.entries.get_mut(slot.0 as usize) else { return };
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(slot.0);
        }
        if entry.saved == Saved::Nothing {
            entry.saved = if entry.value.is_some() { Saved::Value } else { Saved::Absence };
            let copy = entry.value.as_ref().map(|value| match self.spare.pop() {
                Some(mut copy) => {
                    copy.clone_from(value);
                    copy
                }
                None => value.clone(),
            });
            self.undo.push((slot.0, copy));
        }
    }

    /// All slots with a value and their values, in no order that may be seen from outside.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &V)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(slot, entry)| entry.value.as_ref().map(|value| (Slot(slot as u32), value)))
    }

    /// The number of keys with a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.value.is_some()).count()
    }

    /// Whether no key has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(|entry| entry.value.is_none())
    }

    /// Writes what changed since the last freeze, in the order of the first change. What came and went since then is none
    /// of it.
    pub fn freeze(&mut self, out: &mut StateWriter, encode: impl Fn(&V, &mut Vec<u8>)) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            // A slot that was given to another key since then stands in the list again.
            let Some(entry) = self.entries.get_mut(slot as usize).filter(|entry| entry.dirty) else { continue };
            entry.dirty = false;
            if !std::mem::replace(&mut entry.stored, entry.value.is_some()) && entry.value.is_none() {
                continue;
            }
            out.put(entry.key.bytes(), entry.value.as_ref().map(|value| |bytes: &mut Vec<u8>| encode(value, bytes)));
        }
        self.dirty = dirty;
    }

    /// What is there now is what [`Keyed::rollback`] returns to.
    pub fn commit(&mut self) {
        let mut undo = std::mem::take(&mut self.undo);
        for (slot, copy) in undo.drain(..) {
            self.spare.extend(copy);
            let Some(entry) = self.entries.get_mut(slot as usize) else { continue };
            entry.saved = Saved::Nothing;
            if entry.value.is_none() && !entry.dirty {
                self.release(slot);
            }
        }
        self.undo = undo;
    }

    /// Returns to the last commit.
    ///
    /// # Errors
    ///
    /// When changes were not tracked.
    pub fn rollback(&mut self) -> Result<(), OperatorError> {
        if !self.tracked {
            return Err(OperatorError::Wiring("a flow without tracked state cannot be rolled back"));
        }
        for slot in std::mem::take(&mut self.dirty) {
            if let Some(entry) = self.entries.get_mut(slot as usize) {
                entry.dirty = false;
            }
        }
        for (slot, value) in std::mem::take(&mut self.undo) {
            let Some(entry) = self.entries.get_mut(slot as usize) else { continue };
            entry.saved = Saved::Nothing;
            entry.stored = value.is_some();
            entry.value = value;
            if entry.value.is_none() {
                self.release(slot);
            }
        }
        Ok(())
    }

    /// Puts an entry back that is committed already.
    pub fn restore(&mut self, key: &[u8], value: V) {
        let slot = self.intern(key);
        if let Some(entry) = self.entries.get_mut(slot.0 as usize) {
            entry.value = Some(value);
            entry.stored = true;
        }
    }

    fn release(&mut self, slot: u32) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        if !entry.live {
            return;
        }
        entry.live = false;
        let Tag(tag) = entry.tag;
        if let Ok(found) = self.index.find_entry(Place::spread(tag), |other| other.slot == slot) {
            found.remove();
        }
        self.free.push(slot);
    }
}
