//! What packed records count, what they keep, and how problems name them.

use crate::cutting::{SEED, definitions, sorted, tree};
use mayuse_core::{BlockBuilder, CustomerBlock, FORMAT, Packed};
use mayuse_document::add_element;
use serde_json::{Value, json};

fn customer(id: &str) -> Value {
    json!({
        "id": id, "alias": format!("{id}@example.com"),
        "entitlements": [{
            "id": format!("ent_{id}"), "feature_id": "feat_m", "created_at": "2025-01-01T00:00:00Z",
            "value": { "type": "METERED", "enabled": true, "limit": "5", "reset_period": { "type": "NEVER" } },
        }],
    })
}

fn subscription(id: &str, customer: &str) -> Value {
    json!({
        "id": id, "customer_id": customer, "plan_id": "plan_p", "plan_version_id": "plv_1", "status": "ACTIVE",
        "start_date": "2025-01-01", "billing_day_anchor": 1, "period": "MONTHLY", "current_period_start": "2025-06-01",
    })
}

/// Two customers; the first has two subscriptions, the second has the other subscriptions.
fn document(others: &[Value]) -> Value {
    let mut subscriptions = vec![subscription("sub_1", "cus_a"), subscription("sub_2", "cus_a")];
    subscriptions.extend_from_slice(others);
    json!({
        "format": 1,
        "features": [
            { "id": "feat_m", "code": "m", "name": "M", "feature_type": { "type": "METERED" }, "status": "ACTIVE" },
            { "id": "feat_s", "code": "s", "name": "S", "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE" },
        ],
        "plans": [{ "id": "plan_p", "name": "P", "versions": [{ "id": "plv_1", "version": 1 }] }],
        "customers": [customer("cus_a"), customer("cus_b")],
        "subscriptions": subscriptions,
    })
}

#[test]
fn records_are_counted() {
    let document = document(&[subscription("sub_3", "cus_b")]);
    let (_, catalog) = definitions(&document).unwrap();
    let sorted = sorted(&catalog, &document, SEED).unwrap();
    assert_eq!((sorted.n_subscriptions(), sorted.seed()), (3, SEED));
    let (block, n_customers) = sorted.block(0, 0);
    let held = CustomerBlock::open(block.clone(), &catalog).unwrap();
    assert_eq!((n_customers, held.n_customers(), held.n_subscriptions()), (2, 2, 3));
    // Packed into one block, they take about as much; opened, the block has tables beside its bytes.
    let n_bytes = block.as_slice().len();
    assert!((n_bytes / 2..2 * n_bytes).contains(&sorted.n_bytes()), "{} of {n_bytes} bytes", sorted.n_bytes());
    assert!((n_bytes + 1..10 * n_bytes).contains(&held.n_bytes()), "{} for {n_bytes} bytes", held.n_bytes());
}

#[test]
fn entries_say_on_which_features_they_have_rows_and_may_be_taken_away() {
    let document = document(&[]);
    let (_, catalog) = definitions(&document).unwrap();
    let mut builder = BlockBuilder::new(&catalog, SEED);
    assert_eq!((builder.n_bytes(), builder.seen().rows), (0, vec![]));
    for (list, n, element) in [("customers", 0, &document["customers"][0]), ("customers", 1, &document["customers"][1])]
    {
        add_element(&mut builder, list, n, &tree(element)).unwrap();
    }
    assert_eq!(builder.seen().rows, [("feat_m".to_owned(), true)]);
    assert!(100 < builder.n_bytes(), "{} bytes", builder.n_bytes());
    builder.keep(|key| key.starts_with("cus_b"));
    let (block, n_customers) = builder.sorted().unwrap().block(0, 0);
    assert_eq!(n_customers, 1);
    assert!(block.as_str().contains("cus_b") && !block.as_str().contains("ent_cus_a"));
}

#[test]
fn problems_name_the_entry_and_the_earlier_entry() {
    let (_, catalog) = definitions(&document(&[])).unwrap();
    let problem = |others: &[Value]| sorted(&catalog, &document(others), SEED).unwrap_err();
    let taken = problem(&[subscription("sub_2", "cus_b")]);
    assert!(taken.contains("subscriptions[2].id") && taken.contains("already that of subscriptions[1]"), "{taken}");
    let nobody = problem(&[subscription("sub_3", "cus_c")]);
    assert!(nobody.contains("subscriptions[2].customer_id: there is no customer `cus_c`"), "{nobody}");
    // The same twice on one customer is said where customers are compared.
    let twice = problem(&[subscription("sub_2", "cus_a")]);
    assert_eq!(twice.matches("sub_2").count(), 1, "{twice}");
    // Entries of a file are named by their lines.
    let mut builder = BlockBuilder::new(&catalog, SEED).of_lines();
    add_element(&mut builder, "subscriptions", 7, &tree(&subscription("sub_3", "cus_c"))).unwrap();
    let nobody = builder.sorted().unwrap_err().to_string();
    assert!(nobody.contains("line 7"), "{nobody}");
}

#[test]
fn an_object_of_a_newer_format_is_told_from_a_damaged_object() {
    let document = document(&[]);
    let (_, catalog) = definitions(&document).unwrap();
    let block = sorted(&catalog, &document, SEED).unwrap().block(0, 0).0;
    let with_format = |format: u64| {
        let format = u8::try_from(format).unwrap();
        let text: String = [&block.as_str()[..3], &char::from(format).to_string(), &block.as_str()[4..]].concat();
        CustomerBlock::open(Packed::from(text), &catalog)
    };
    assert!(with_format(FORMAT).is_ok());
    assert!(with_format(FORMAT + 1).unwrap_err().is_newer());
    let shortened = Packed::from(block.as_str()[..20].to_owned());
    assert!(!CustomerBlock::open(shortened, &catalog).unwrap_err().is_newer());
}
