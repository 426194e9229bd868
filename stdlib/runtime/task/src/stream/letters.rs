//! Dead letters as they lie in the log and in `dead/SOURCE.jsonl`.

use flow_core::json::write_string;
use flow_core::text::write_base64;
use flow_operators::operator::DeadLetter;

use crate::data::UNPLACED;

/// One line: `{reason,detail,flow,partition,offset,raw}`, `raw` in base64; null where the bytes are no longer at hand.
#[must_use]
pub fn letter(letter: &DeadLetter, source: &str, raw: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut text = |name: &str, value: &str| {
        out.push(if out.is_empty() { b'{' } else { b',' });
        write_string(&mut out, name);
        out.push(b':');
        write_string(&mut out, value);
    };
    text("reason", letter.reason.code());
    text("detail", if letter.detail.is_empty() { source } else { &letter.detail });
    text("flow", &letter.flow);
    let origin = letter.order.event_origin();
    let partition = if origin.partition == UNPLACED { 0 } else { origin.partition };
    out.extend_from_slice(
        format!(",\"partition\":{},\"offset\":{},\"raw\":", partition, letter.order.offset).as_bytes(),
    );
    match raw {
        Some(raw) => {
            out.push(b'"');
            write_base64(&mut out, raw);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use flow_core::batch::Origin;
    use flow_core::fault::Fault;
    use flow_operators::operator::Reason;
    use flow_operators::order::Order;

    use super::*;

    fn written(partition: u32, detail: &str, raw: Option<&[u8]>) -> String {
        let order = Order { arrived: 5, origin: Origin { source: 0, partition }, offset: 7 };
        let dead =
            DeadLetter { flow: "sales".into(), order, reason: Reason::Fault(Fault::Malformed), detail: detail.into() };
        String::from_utf8(letter(&dead, "sales", raw)).unwrap()
    }

    #[test]
    fn a_letter_says_what_is_wrong_with_which_bytes_where() {
        assert_eq!(
            written(2, "expected `}` at byte \"1\"", Some(b"{\xff")),
            r#"{"reason":"malformed","detail":"expected `}` at byte \"1\"","flow":"sales","partition":2,"offset":7,"raw":"e/8="}"#
        );
        assert_eq!(
            written(UNPLACED, "", None),
            r#"{"reason":"malformed","detail":"sales","flow":"sales","partition":0,"offset":7,"raw":null}"#
        );
    }
}
