//! The expressions of the service, each as a function over its cells.

use flow_core::fault::Fault;
use flow_core::generated::{Answer, Row, attempt, list, record, value};
use flow_core::row::Bound;
use flow_core::scalar::{add_int, length, length_list, multiply_int};
use flow_core::value::Value;

/// `length(order.items)` (decisions.asol:20)
pub fn count_value(row: Row<'_>) -> Result<i64, Fault> {
    let order_items = row.record(0).list(3);
    Ok(length_list(order_items?))
}

/// `order.buyer` (decisions.asol:21)
pub fn part_2_key(row: Row<'_>) -> Result<&str, Fault> {
    row.record(0).string(1)
}

/// `blocked[order.buyer] == null` (decisions.asol:21)
pub fn accepted_value(row: Row<'_>) -> Result<bool, Fault> {
    row.record(2).is_absent()
}

/// `order.items` (decisions.asol:22)
pub fn part_4_items(row: Row<'_>) -> Result<&Value, Fault> {
    row.record(0).list(3)
}

/// `{ id: order.id, buyer: order.buyer, count, accepted, at: now }` (decisions.asol:23)
pub fn part_5_items(row: Row<'_>) -> Result<Value, Fault> {
    let order_id = row.record(0).string(0);
    let order_buyer = row.record(0).string(1);
    let count = row.int(1);
    let accepted = row.bool(3);
    let record_value = record([
        value(order_id?),
        value(order_buyer?),
        value(count?),
        value(accepted?),
        value(row.now()),
    ]);
    Ok(list([value(record_value)]))
}

/// `[{ id: order.id, share: 9_223_372_036_854_775_806 + order.share }]` (decisions.asol:25)
pub fn part_6_items(row: Row<'_>) -> Result<Value, Fault> {
    let order_id = row.record(0).string(0);
    let order_share = row.record(0).int(2);
    let order_id_2 = order_id?;
    let sum = add_int(9_223_372_036_854_775_806, order_share?)?;
    let record_value = record([value(order_id_2), value(sum)]);
    Ok(list([value(record_value)]))
}

/// `not accepted` (decisions.asol:24)
pub fn part_6_if(row: Row<'_>) -> Result<bool, Fault> {
    let accepted = row.bool(3);
    Ok(!accepted?)
}

/// `{ id: order.id, count, accepted, saved: 0 }` (decisions.asol:28)
pub fn answer(row: Row<'_>) -> Bound {
    let order_id = row.record(0).string(0);
    let count = row.int(1);
    let accepted = row.bool(3);
    Bound::record([
        order_id.bound(),
        count.bound(),
        accepted.bound(),
        Bound::Value(value(0_i64)),
    ])
}

/// `order.coupon == null` (decisions.asol:27)
pub fn respond_if(row: Row<'_>) -> Result<bool, Fault> {
    let order_coupon = row.record(0).optional_string(4);
    Ok(order_coupon?.is_none())
}

/// `order.items` (decisions.asol:30)
pub fn part_8_items(row: Row<'_>) -> Result<&Value, Fault> {
    row.record(0).list(3)
}

/// `{ id: order.id, count, accepted, saved: length(order.coupon) * count }` (decisions.asol:31)
pub fn answer_2(row: Row<'_>) -> Bound {
    let order_id = row.record(0).string(0);
    let count = row.int(1);
    let accepted = row.bool(3);
    let order_coupon = row.record(0).optional_string(4);
    let field = attempt(|| {
        let product = match (order_coupon?.map(length), count?) {
            (Some(size), count) => Some(multiply_int(size, count)?),
            _ => None,
        };
        Ok(product)
    });
    Bound::record([
        order_id.bound(),
        count.bound(),
        accepted.bound(),
        field.bound(),
    ])
}
