//! The workload is what it says: the numbers of the JavaScript it comes from, and mayuse's answers.

use mayuse_core::{Question, decide};
use mayuse_dialects::Batch;
use mayuse_tests::workload::{Person, customer_id, people, queries, subscription_id, write};
use mayuse_tests::{BENCH_AT, compiled_lines, instant};
use std::collections::HashSet;

const N_CUSTOMERS: u32 = 2_000;
const N_QUERIES: usize = 20_000;

fn lines(n_customers: u32, changed: Option<u32>) -> String {
    let mut text = Vec::new();
    write(&mut text, n_customers, changed).unwrap();
    String::from_utf8(text).unwrap()
}

/// FNV-1a, which is a line of JavaScript as well.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[test]
fn queries_and_answers_are_those_of_the_javascript() {
    let people: Vec<Person> = people(N_CUSTOMERS).collect();
    let asked = queries(N_CUSTOMERS).take(N_QUERIES).map(|query| {
        let may = people[query.customer as usize].may(query.feature, query.usage);
        format!("{} {} {} {may}\n", customer_id(query.customer), query.feature, query.usage)
    });
    let text: String = asked.collect();
    let first: Vec<&str> = text.lines().take(8).collect();
    let expected = [
        "cus_q0yaw3000n ai-assist 0 false",
        "cus_w71r7j012u white-label 0 false",
        "cus_cbzrtu00pw advanced-reports 0 true",
        "cus_qzd5jf014j custom-domain 0 false",
        "cus_qgep77016g custom-domain 0 true",
        "cus_3z7cdz00kf advanced-reports 0 false",
        "cus_4id2u900gg seats 1 true",
        "cus_6jokfd007z webhooks 0 true",
    ];
    assert_eq!(first, expected);
    // All of them, as the JavaScript gave them when this was written.
    assert_eq!(text.lines().filter(|line| line.ends_with("true")).count(), 9_496);
    assert_eq!(hash(&text), 0x0902_ebbc);
}

#[test]
fn ids_are_those_of_the_javascript_and_unique() {
    let ids = [0, 1, 1_999, 999_999, 1_679_616].map(customer_id);
    assert_eq!(ids, ["cus_c3ox3a0000", "cus_6bsjso0001", "cus_blo9qp01jj", "cus_k8w68tlflr", "cus_4czmil10000"]);
    let ids: HashSet<String> = (0..100_000).map(subscription_id).collect();
    assert_eq!(ids.len(), 100_000);
    assert!(ids.iter().all(|id| id.len() == "sub_".len() + 10));
    // Measurements are compared by them.
    assert_eq!([0, 1].map(subscription_id), ["sub_08bkl8udoo", "sub_t8qpojljkm"]);
}

#[test]
fn mayuse_gives_the_right_answers() {
    let catalog = compiled_lines(lines(N_CUSTOMERS, None).as_bytes());
    let people: Vec<Person> = people(N_CUSTOMERS).collect();
    for query in queries(N_CUSTOMERS).take(N_QUERIES) {
        let customer = customer_id(query.customer);
        let question = Question { consumed: Some(query.usage.into()), ..Question::new(&customer, query.feature) };
        let decision = decide(&catalog, &question, instant(BENCH_AT)).unwrap();
        let expected = people[query.customer as usize].may(query.feature, query.usage);
        assert_eq!(decision.allowed, expected, "{query:?}: {decision:?}");
    }
}

#[test]
fn its_lines_can_be_imported() {
    let mut batch = Batch::default();
    for (n, line) in (1..).zip(lines(100, None).lines()) {
        batch.add(n, line.as_bytes()).unwrap();
    }
    // The settings, 20 features, 5 plans, 10 add-ons, and two lines for each customer.
    assert_eq!(batch.changes().len(), 1 + 20 + 5 + 10 + 2 * 100);
}

#[test]
fn a_larger_catalog_begins_with_a_smaller_one() {
    assert!(lines(300, None).starts_with(&lines(200, None)));
}

#[test]
fn a_change_is_one_line() {
    let (before, after) = (lines(200, None), lines(200, Some(7)));
    let id = subscription_id(7);
    let mut differing = before.lines().zip(after.lines()).filter(|(before, after)| before != after);
    let (before_line, after_line) = differing.next().unwrap();
    assert!(before_line.contains(&id) && after_line.contains(&id));
    let n_add_ons = |line: &str| line.matches("add_on_id").count();
    assert_eq!(n_add_ons(after_line), n_add_ons(before_line) + 1);
    assert_eq!(differing.next(), None);
    assert_eq!(before.lines().count(), after.lines().count());
    compiled_lines(after.as_bytes());
}
