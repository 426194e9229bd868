//! What YAML is written from: a tree with places, made from anything that `serde` serialises.

use std::fmt::Display;

use fec_diagnostics::{FileId, Span};
use serde::Serialize;
use serde::ser::{self, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple};

/// A value of YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Text.
    Text(String),
    /// Items.
    List(Vec<Node>),
    /// Keys and values, in order.
    Map(Vec<(String, Node)>),
    /// A value that came from a place in the solution.
    At(Span, Box<Node>),
}

/// A value together with the place in the solution that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The place; none where the value stands for the whole solution.
    pub span: Option<Span>,
    /// The value.
    pub value: T,
}

impl<T> At<T> {
    /// A value from a place.
    pub fn new(span: impl Into<Option<Span>>, value: T) -> Self {
        Self { span: span.into(), value }
    }
}

/// Under this name the serialiser below knows an [`At`].
const AT: &str = "fec.At";

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.span {
            Some(span) => serializer.serialize_newtype_struct(AT, &(span.file.0, span.start, span.end, &self.value)),
            None => self.value.serialize(serializer),
        }
    }
}

/// The tree of a value. Values of these crates have text keys and no fractions, and are so always trees.
///
/// # Errors
/// A key that is no text, or a number with a fraction.
pub fn node<T: Serialize + ?Sized>(value: &T) -> Result<Node, NoTree> {
    value.serialize(Builder)
}

/// Why a value is no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoTree(String);

impl Display for NoTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoTree {}

impl ser::Error for NoTree {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Builder;

#[derive(Default)]
struct Items(Vec<Node>);

#[derive(Default)]
struct Entries {
    list: Vec<(String, Node)>,
    key: Option<String>,
}

fn refused<T>(what: &str) -> Result<T, NoTree> {
    Err(NoTree(format!("{what} cannot be written")))
}

macro_rules! ints {
    ($($method:ident $ty:ty),*) => {
        $(fn $method(self, value: $ty) -> Result<Node, NoTree> {
            Ok(Node::Int(i128::from(value)))
        })*
    };
}

impl ser::Serializer for Builder {
    type Ok = Node;
    type Error = NoTree;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = ser::Impossible<Node, NoTree>;
    type SerializeTupleVariant = ser::Impossible<Node, NoTree>;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = ser::Impossible<Node, NoTree>;

    ints!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
          serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);

    fn serialize_bool(self, value: bool) -> Result<Node, NoTree> {
        Ok(Node::Bool(value))
    }

    fn serialize_f32(self, _: f32) -> Result<Node, NoTree> {
        refused("a number with a fraction")
    }

    fn serialize_f64(self, _: f64) -> Result<Node, NoTree> {
        refused("a number with a fraction")
    }

    fn serialize_char(self, value: char) -> Result<Node, NoTree> {
        Ok(Node::Text(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Result<Node, NoTree> {
        Ok(Node::Text(value.to_owned()))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Node, NoTree> {
        refused("bytes")
    }

    fn serialize_none(self) -> Result<Node, NoTree> {
        Ok(Node::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Node, NoTree> {
        value.serialize(Self)
    }

    fn serialize_unit(self) -> Result<Node, NoTree> {
        Ok(Node::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Node, NoTree> {
        Ok(Node::Map(Vec::new()))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Node, NoTree> {
        Ok(Node::Text(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<Node, NoTree> {
        let node = value.serialize(Self)?;
        if name != AT {
            return Ok(node);
        }
        let Node::List(mut parts) = node else { return refused("a value without its place") };
        let value = parts.pop();
        let offset = |node: &Node| match node {
            Node::Int(offset) => u32::try_from(*offset).ok(),
            _ => None,
        };
        match (parts.iter().map(offset).collect::<Option<Vec<u32>>>().as_deref(), value) {
            (Some(&[file, start, end]), Some(value)) => {
                Ok(Node::At(Span::new(FileId(file), start, end), Box::new(value)))
            }
            _ => refused("a value without its place"),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Node, NoTree> {
        Ok(Node::Map(vec![(variant.to_owned(), value.serialize(Self)?)]))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items, NoTree> {
        Ok(Items::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Items, NoTree> {
        Ok(Items::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, NoTree> {
        refused("a tuple with a name")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NoTree> {
        refused("a tuple with a name")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, NoTree> {
        Ok(Entries::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, NoTree> {
        Ok(Entries::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NoTree> {
        refused("a variant with fields")
    }
}

impl SerializeSeq for Items {
    type Ok = Node;
    type Error = NoTree;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoTree> {
        self.0.push(value.serialize(Builder)?);
        Ok(())
    }

    fn end(self) -> Result<Node, NoTree> {
        Ok(Node::List(self.0))
    }
}

impl SerializeTuple for Items {
    type Ok = Node;
    type Error = NoTree;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoTree> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<Node, NoTree> {
        SerializeSeq::end(self)
    }
}

impl SerializeMap for Entries {
    type Ok = Node;
    type Error = NoTree;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NoTree> {
        let Node::Text(key) = key.serialize(Builder)? else { return refused("a key that is no text") };
        self.key = Some(key);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoTree> {
        let key = self.key.take().unwrap_or_default();
        self.list.push((key, value.serialize(Builder)?));
        Ok(())
    }

    fn end(self) -> Result<Node, NoTree> {
        Ok(Node::Map(self.list))
    }
}

impl SerializeStruct for Entries {
    type Ok = Node;
    type Error = NoTree;

    /// A field without a value is left out, as all of these formats understand it.
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), NoTree> {
        match value.serialize(Builder)? {
            Node::Null => {}
            value => self.list.push((key.to_owned(), value)),
        }
        Ok(())
    }

    fn end(self) -> Result<Node, NoTree> {
        Ok(Node::Map(self.list))
    }
}

impl Node {
    /// The value inside of its places.
    #[must_use]
    pub fn bare(&self) -> &Node {
        let mut node = self;
        while let Self::At(_, inner) = node {
            node = inner;
        }
        node
    }

    /// The value of a key; none where there is no such key, or no map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self.bare() {
            Self::Map(entries) => entries.iter().find(|(known, _)| known == key).map(|(_, value)| value.bare()),
            _ => None,
        }
    }

    /// The value at a path of keys.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text, where it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self.bare() {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; none where it is no list.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match self.bare() {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Every text in it, with the path of keys that leads there.
    pub fn texts(&self) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        self.gather(String::new(), &mut found);
        found
    }

    fn gather<'a>(&'a self, path: String, found: &mut Vec<(String, &'a str)>) {
        match self.bare() {
            Self::Text(text) => found.push((path, text)),
            Self::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    item.gather(format!("{path}[{number}]"), found);
                }
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    value.gather(format!("{path}.{key}"), found);
                }
            }
            _ => {}
        }
    }
}
