//! Objects made by hand, each with one lie: all are refused, and none costs much.

use crate::counting;
use crate::cutting::{SEED, cut};
use mayuse_core::{Catalog, CustomerBlock, FORMAT, Packed, Writer, key_hash};
use serde_json::json;

/// What a lie is told about.
const DEFINITIONS: [&str; 4] = ["add_a", "feat_m", "feat_s", "plv_p"];

fn catalog() -> Catalog {
    let document = json!({
        "format": 1,
        "features": [
            { "id": "feat_s", "code": "s", "feature_type": { "type": "BOOLEAN" }, "status": "ACTIVE" },
            { "id": "feat_m", "code": "m", "feature_type": { "type": "METERED" }, "status": "ACTIVE" },
        ],
        "plans": [{ "id": "plan_p", "versions": [{ "id": "plv_p" }] }],
        "add_ons": [{ "id": "add_a" }],
    });
    Catalog::open(&cut(&document, 0).catalog_object).unwrap()
}

/// A block, part by part; each may be something else.
struct Block {
    magic: &'static str,
    format: u64,
    seed: u64,
    shard_bits: u64,
    bucket_bits: u64,
    counted: (u64, u64),
    n_names: Option<u64>,
    names: Vec<&'static str>,
    buckets: Option<Vec<u64>>,
    /// In one bucket; the last of several.
    records: Vec<String>,
}

/// `cus_c`, with a row on the switch, and one subscription.
fn good() -> Block {
    Block {
        magic: "myp",
        format: FORMAT,
        seed: SEED,
        shard_bits: 0,
        bucket_bits: 0,
        counted: (1, 1),
        n_names: None,
        names: DEFINITIONS.to_vec(),
        buckets: None,
        records: vec![customer(0, 1, &row(2), 1, &subscription(3, &[(0, 1)]))],
    }
}

fn written(write: impl FnOnce(&mut Writer)) -> String {
    let mut writer = Writer::default();
    write(&mut writer);
    writer.0
}

fn numbers(numbers: &[u64]) -> String {
    written(|writer| numbers.iter().for_each(|number| writer.number(*number)))
}

fn text(text: &str) -> String {
    written(|writer| writer.text(text))
}

/// A switch that is on.
fn row(feature: u64) -> String {
    [numbers(&[0, feature]), text("ent"), numbers(&[1])].concat()
}

/// A customer with own rows: the place of the first, how many there are said to be, and they.
fn customer(first: u64, n: u64, rows: &str, n_subscriptions: u64, subscriptions: &str) -> String {
    [
        numbers(&[16]),
        text("cus_c"),
        numbers(&[first, n]),
        text(rows),
        numbers(&[n_subscriptions]),
        subscriptions.to_owned(),
    ]
    .concat()
}

const ADD_ONS: u64 = 32;

fn subscription(version: u64, held: &[(u64, u64)]) -> String {
    subscription_of("sub_s", version, 3, 1, 20_089 * 2, held)
}

/// Its id, the number of its version, status and period, anchor, and start, folded.
fn subscription_of(id: &str, version: u64, states: u64, anchor: u64, start: u64, held: &[(u64, u64)]) -> String {
    let pairs: Vec<u64> = held.iter().flat_map(|(add_on, quantity)| [*add_on, *quantity]).collect();
    [text(id), numbers(&[version, states, ADD_ONS, anchor, start, 0]), text(&numbers(&pairs))].concat()
}

impl Block {
    fn bytes(&self) -> String {
        let records = written(|writer| self.records.iter().for_each(|record| writer.text(record)));
        let names = written(|writer| self.names.iter().for_each(|name| writer.text(name)));
        let n_names = self.n_names.unwrap_or(self.names.len() as u64);
        let head = [self.format, self.seed, self.shard_bits, self.bucket_bits, self.counted.0, self.counted.1, n_names];
        let buckets = match &self.buckets {
            Some(buckets) => buckets.clone(),
            None => [vec![0; 1 << self.bucket_bits], vec![records.len() as u64]].concat(),
        };
        // Five bytes of six bits, the lowest first.
        let fixed = |number: &u64| (0..5).map(move |n| (number >> (6 * n) & 63) as u8 as char).collect::<String>();
        [self.magic.to_owned(), numbers(&head), names, buckets.iter().map(fixed).collect(), records].concat()
    }
}

fn open(bytes: &str) -> Result<CustomerBlock, String> {
    CustomerBlock::open(Packed::from(bytes.to_owned()), &catalog()).map_err(|error| error.to_string())
}

/// The block with this lie in it is refused, for this reason.
#[track_caller]
fn check(message: &str, lie: impl FnOnce(&mut Block)) {
    let mut block = good();
    lie(&mut block);
    let (bytes, catalog) = (Packed::from(block.bytes()), catalog());
    let (n_bytes, opened) = counting::bytes(|| CustomerBlock::open(bytes, &catalog));
    let error = opened.expect_err(message).to_string();
    assert!(error.contains(message), "`{error}` instead of `{message}`");
    assert!(n_bytes < 4_096, "{n_bytes} bytes to refuse it: {message}");
}

#[track_caller]
fn check_record(record: String) {
    check("a record cannot be read", |block| block.records = vec![record]);
}

#[test]
fn one_without_a_lie_is_opened() {
    let people = open(&good().bytes()).unwrap();
    assert_eq!((people.n_customers(), people.n_subscriptions()), (1, 1));
    assert!(people.find("cus_c", key_hash(SEED, "cus_c")).is_some());
    assert_eq!(people.ids().collect::<Vec<_>>(), ["cus_c"]);
}

#[test]
fn heads() {
    check("not a block", |block| block.magic = "myd");
    check("update it", |block| block.format = FORMAT + 1);
    check("update it", |block| block.format = u64::MAX);
    check("more buckets than there can be", |block| block.shard_bits = 33);
    check("its head is not whole", |block| block.shard_bits = 256);
    check("its head is not whole", |block| block.counted.0 = 1 << 32);
    check("as many as it says", |block| block.counted.0 = 2);
    check("as many as it says", |block| block.counted.1 = u64::from(u32::MAX));
    check("as many as it says", |block| block.records.clear());
}

#[test]
fn names() {
    check("names are not sorted", |block| block.names.swap(0, 1));
    check("names are not sorted", |block| block.names[1] = "add_a");
    check("a name is not whole", |block| block.n_names = Some(40));
    check("its head is not whole", |block| block.n_names = Some(u64::MAX));
    check("its head is not whole", |block| block.n_names = Some(1 << 40));
    // Fewer than there are: what follows is read as something else.
    let mut fewer = good();
    fewer.n_names = Some(3);
    assert!(open(&fewer.bytes()).is_err());
}

#[test]
fn buckets() {
    let n = |block: &Block| written(|writer| block.records.iter().for_each(|record| writer.text(record))).len() as u64;
    check("its buckets are not whole", |block| (block.bucket_bits, block.buckets) = (24, Some(vec![0])));
    check("more buckets than there can be", |block| (block.bucket_bits, block.buckets) = (25, Some(vec![0])));
    check("do not hold all of it", |block| block.buckets = Some(vec![5, 0]));
    check("a record is not whole", |block| block.buckets = Some(vec![0, (1 << 30) - 1]));
    check("do not hold all of it", |block| block.buckets = Some(vec![0, 0]));
    check("do not hold all of it", |block| block.buckets = Some(vec![n(block), n(block)]));
    check("ends within a record", |block| block.buckets = Some(vec![0, n(block) - 1]));
    // Buckets that overlap: the second begins before the first ends.
    check("before it begins", |block| {
        (block.bucket_bits, block.buckets) = (1, Some(vec![0, n(block), 0]));
    });
    check_record(String::new());
    // The end of the bucket, with a digit of more than six bits in place of the next digit: it is the same number.
    let subscriptions = ["a", "b"].map(|id| subscription_of(&id.repeat(20), 3, 3, 1, 20_089 * 2, &[])).concat();
    let good = Block { records: vec![customer(0, 1, &row(2), 2, &subscriptions)], counted: (1, 2), ..good() };
    let (bytes, end) = (good.bytes(), n(&good));
    assert!(64 < end && open(&bytes).is_ok());
    let digits = |low: u64, next: u64| format!("{}{}\0\0\0", low as u8 as char, next as u8 as char);
    let (once, other) = (digits(end & 63, end >> 6), digits((end & 63) + 64, (end >> 6) - 1));
    assert_eq!(bytes.matches(&once).count(), 1);
    assert_eq!(open(&bytes.replace(&once, &other)).map(drop).map_err(|error| error.contains("its buckets")), Err(true));
}

#[test]
fn records() {
    let whole = good().records[0].clone();
    for end in 0..whole.len() {
        check_record(whole[..end].to_owned());
    }
    check_record(format!("{whole}\0"));
    check_record([numbers(&[1]), text("alias"), text("")].concat());
    check_record([numbers(&[1]), text(""), text("cus_c")].concat());
    check_record([numbers(&[0]), text(""), numbers(&[0])].concat());
    // Texts that are as long as there is memory.
    for length in [u64::MAX, u64::MAX >> 1, 1 << 32, 1 << 20] {
        check_record(numbers(&[0, length]));
        check_record([numbers(&[1]), text("alias"), numbers(&[length])].concat());
        let mut name = good();
        name.names.clear();
        name.records.clear();
        name.n_names = Some(1);
        assert!(open(&[name.bytes(), numbers(&[length])].concat()).is_err());
    }
}

#[test]
fn rows() {
    let with = |first, n, rows: &str| customer(first, n, rows, 0, "");
    check_record(with(1, 1, &row(2)));
    check_record(with(u64::from(u32::MAX), 1, &row(2)));
    check_record(with(0, 2, &row(2)));
    check_record(with(0, u64::from(u32::MAX), &row(2)));
    check_record(with(0, 0, &row(2)));
    check_record(with(0, 2, &(row(2) + &row(2))));
    check_record(with(0, 2, &(row(2) + &row(1))));
    // A row on nothing, on an add-on, and one whose pool is none.
    check_record(with(0, 1, &row(4)));
    check_record(with(0, 1, &row(0)));
    let credits = |pool| [numbers(&[0, 1]), text("ent"), numbers(&[3, 1, pool, 0, 1])].concat();
    check_record(with(0, 1, &credits(0)));
    check_record(with(0, 1, &credits(77)));
    // A meter: a limit below zero, one of 29 places, of too many digits, and intervals that are none.
    let metered = |rest: &[u64]| [numbers(&[0, 1]), text("ent"), numbers(&[2]), numbers(rest)].concat();
    assert!(
        open(&Block { records: vec![with(0, 1, &metered(&[3, 0, 7, 0]))], counted: (1, 0), ..good() }.bytes()).is_ok()
    );
    check_record(with(0, 1, &metered(&[3, 1, 7, 0])));
    check_record(with(0, 1, &metered(&[3, 29 << 1, 7, 0])));
    check_record(with(0, 1, &metered(&[3, 0, u64::MAX, u64::MAX])));
    check_record(with(0, 1, &metered(&[1, 3, 0, 0])));
    check_record(with(0, 1, &metered(&[1, 3, 9, 1])));
    check_record(with(0, 1, &metered(&[1, 3, 0, 10_001])));
    check_record(with(0, 1, &metered(&[1, 6, 0, 1])));
}

#[track_caller]
fn check_opens(n_subscriptions: u64, record: String) {
    let block = Block { records: vec![record], counted: (1, n_subscriptions), ..good() };
    assert_eq!(open(&block.bytes()).map(drop), Ok(()));
}

/// Dates, caps and CONFIG values.
#[test]
fn rows_of_format_2() {
    let with = |row: String| customer(0, 1, &row, 0, "");
    let dated = |dates: &[u64]| [numbers(&[6, 2]), text("ent"), numbers(dates), numbers(&[1])].concat();
    check_opens(0, with(dated(&[8, 10])));
    check_record(with(dated(&[10, 8])));
    check_record(with(dated(&[10, 10])));
    check_record(with(dated(&[10])));
    // Two rows on one feature, the second before the first ends.
    let from = |at: u64| [numbers(&[2, 2]), text("ent"), numbers(&[at, 1])].concat();
    check_opens(0, customer(0, 2, &(dated(&[8, 10]) + &from(10)), 0, ""));
    check_record(customer(0, 2, &(dated(&[8, 10]) + &from(8)), 0, ""));
    check_record(customer(0, 2, &(dated(&[8, 10]) + &row(2)), 0, ""));
    check_record(customer(0, 2, &(from(10) + &dated(&[8, 10])), 0, ""));
    let capped = |rest: &[u64]| [numbers(&[0, 1]), text("ent"), numbers(&[2, 65, 0]), numbers(rest)].concat();
    check_opens(0, with(capped(&[1, 0, 5, 1])));
    check_record(with(capped(&[0])));
    check_record(with(capped(&[1, 1, 5, 1])));
    check_record(with(capped(&[[9].as_slice(), &[0, 5, 1].repeat(9)].concat())));
    check_record(with(capped(&[u64::MAX])));
    let config = |rest: &[u64]| [numbers(&[0, 1]), text("ent"), numbers(&[4]), numbers(rest)].concat();
    check_opens(0, with(config(&[33, 0, 0, 7])));
    check_record(with(config(&[33, 0, 1, 7])));
    check_record(with(config(&[33, 1])));
    check_record(with(config(&[1, 5])));
    check_record(with(config(&[1, 3, u64::MAX])));
    let long = |n: usize| with(config(&[1, 4]) + &text(&"1".repeat(n)));
    check_opens(0, long(16_384));
    let refused = open(&Block { records: vec![long(16_385)], counted: (1, 0), ..good() }.bytes());
    assert!(refused.is_err());
    check_record(with([numbers(&[0, 1]), text("ent"), numbers(&[6])].concat()));
}

/// Seats, changes of the status, dated add-ons, unknown statuses, slots.
#[test]
fn extras_of_subscriptions() {
    let with = |status: u64, flags: u64, extras: &str| {
        let head = numbers(&[3, status | 64, 0, 1, 4]);
        let extras = text(&(numbers(&[flags]) + extras));
        customer(0, 1, &row(2), 1, &[text("s"), head, extras, numbers(&[20_089 * 2, 0])].concat())
    };
    let good: [(u64, u64, String); 6] = [
        (3, 1, numbers(&[5])),
        (3, 2, numbers(&[10])),
        (3, 4, text(&numbers(&[8, 3, 10, 5]))),
        (3, 8, text(&numbers(&[0, 2, 2, 8]))),
        (12, 16, text("ON_HOLD")),
        (3, 32, text(&numbers(&[0, 2, 1, 3]))),
    ];
    for (status, flags, extras) in &good {
        check_opens(1, with(*status, *flags, extras));
        check_record(with(*status, *flags, &format!("{extras}\0")));
        check_record(with(*status, *flags, ""));
        check_record(with(*status, flags | 64, extras));
    }
    let bad: [(u64, u64, String); 13] = [
        (3, 0, String::new()),
        (3, 1, numbers(&[0])),
        (3, 4, text(&numbers(&[10, 3, 8, 5]))),
        (3, 4, text(&numbers(&[8, 13]))),
        (3, 4, text(&numbers(&[8, 12, 0]))),
        (3, 8, text(&numbers(&[0, 0, 2, 8]))),
        (3, 8, text(&numbers(&[0, 2, 0]))),
        (3, 8, text(&numbers(&[3, 2, 2, 8]))),
        (3, 8, text(&numbers(&[0, 2, 6, 8, 8]))),
        (3, 16, text("ACTIVE")),
        (12, 1, numbers(&[5])),
        (3, 32, text(&numbers(&[99, 2]))),
        (3, 32, text(&numbers(&[0, 0]))),
    ];
    for (status, flags, extras) in bad {
        check_record(with(status, flags, &extras));
    }
}

#[test]
fn subscriptions() {
    let with = |n, subscriptions: &str| customer(0, 1, &row(2), n, subscriptions);
    check_record(with(1, &subscription(0, &[])));
    check_record(with(1, &subscription(1, &[])));
    check_record(with(1, &subscription(99, &[])));
    check_record(with(1, &subscription(3, &[(3, 1)])));
    check_record(with(1, &subscription(3, &[(99, 1)])));
    check_record(with(1, &subscription(3, &[(0, 0)])));
    check_record(with(1, &subscription(3, &[(0, 1 << 32)])));
    // Products: an add-on's name may be one, half a number may not.
    let products = |list: &str| with(1, &[text("sub_s"), numbers(&[3, 3, 64, 1, 20_089 * 2, 0]), text(list)].concat());
    check_opens(1, products(&numbers(&[0, 1])));
    check_record(products(&numbers(&[99])));
    check_record(products("\u{7f}"));
    check_record(products("\0\u{7f}"));
    check_record(with(2, &subscription(3, &[])));
    check_record(with(u64::from(u32::MAX), &subscription(3, &[])));
    let day = 20_089 * 2;
    check_record(with(2, &subscription(3, &[]).repeat(2)));
    check_record(with(1, &subscription_of("", 3, 3, 1, day, &[])));
    let [a, b] = ["a", "b"].map(|id| subscription_of(id, 3, 3, 1, day, &[]));
    check_record(with(2, &(b + &a)));
    check_record(with(1, &subscription_of("s", 3, 13, 1, day, &[])));
    check_record(with(1, &subscription_of("s", 3, 4 << 4, 1, day, &[])));
    check_record(with(1, &subscription_of("s", 3, 3, 0, day, &[])));
    check_record(with(1, &subscription_of("s", 3, 3, 32_768, day, &[])));
    for day in [u64::MAX, u64::MAX - 1, 1 << 40, 3_000_000 * 2] {
        check_record(with(1, &subscription_of("s", 3, 3, 1, day, &[])));
    }
}

/// Catalog objects: an object that is good, and what becomes of it with one text replaced.
#[test]
fn catalog_objects() {
    let document = json!({
        "format": 1,
        "features": [
            { "id": "feat_1", "code": "one", "feature_type": { "type": "METERED" }, "status": "ACTIVE" },
            { "id": "feat_2", "code": "two", "feature_type": { "type": "METERED" }, "status": "ACTIVE" },
        ],
        "plans": [{ "id": "plan_1", "versions": [{ "id": "plv_1" }, { "id": "plv_2" }] }, { "id": "plan_2" }],
        "add_ons": [{ "id": "addon_1" }, { "id": "addon_2" }],
    });
    let good = cut(&document, 0).catalog_object.as_str().to_owned();
    let open = |bytes: String| Catalog::open(&Packed::from(bytes)).map(drop).map_err(|error| error.to_string());
    assert_eq!(open(good.clone()), Ok(()));
    for (from, to) in
        [("feat_2", "feat_1"), ("two", "one"), ("plan_2", "plan_1"), ("plv_2", "plv_1"), ("addon_2", "addon_1")]
    {
        let error = open(good.replace(from, to)).expect_err(from);
        assert!(error.contains("do not hold together"), "{error}");
    }
    assert!(open(format!("{good}\0")).is_err_and(|error| error.contains("an element cannot be read")));
    assert!(open(good.replacen("myd", "myp", 1)).is_err_and(|error| error.contains("not a catalog object")));
    assert!(open(good.replacen("myd\u{2}", "myd\u{3}", 1)).is_err_and(|error| error.contains("update it")));
    // A ladder with a level twice, or with none that there is; more features than bytes.
    let head = |rest: &[u64]| "myd".to_owned() + &numbers(&[FORMAT, 0, 1]) + &numbers(rest);
    for rest in [&[2, 1, 0, 1, 0][..], &[1, 6, 0], &[1, 0, 3], &[u64::MAX], &[0, 1 << 16], &[0, 14, u64::MAX]] {
        let bytes = Packed::from(head(rest));
        let (n_bytes, opened) = counting::bytes(|| Catalog::open(&bytes));
        assert!(opened.is_err() && n_bytes < 4_096, "{n_bytes} bytes for {rest:?}");
    }
    assert!(open(head(&[0, 14, 0, 0, 0])).is_ok(), "nothing at all");
}
