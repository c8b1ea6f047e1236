//! How long decisions, windows and loading take. Run it through `scripts/bench.sh`.

#![expect(clippy::expect_used, reason = "a bench that fails should say so and stop")]
#![expect(missing_docs, reason = "a program, with nothing to call")]

mod cases;

use cases::{ALL_FEATURES, Asked, BY_HAND, CASES, ORDINARY};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use mayuse_core::{Anchors, Billing, BillingPeriod, BillingSchedule, Instant, Interval, ResetPeriod, Unit};
use mayuse_core::{Decision, WriteJson, decide, window};
use mayuse_document::Document;
use mayuse_tests::{BENCH_AT, bench_catalog, instant};
use std::hint::black_box;

/// So few that what they ask for stays in a processor's caches, however many customers there are.
const N_WARM: usize = 1_000;
/// So many that what they ask for at 100,000 customers is larger than a processor's caches.
const N_COLD: usize = 65_536;

/// The columns of the table: customers, questions, name.
const SIZES: [(usize, usize, &str); 3] =
    [(1_000, N_WARM, "1000"), (100_000, N_WARM, "100000 warm"), (100_000, N_COLD, "100000 cold")];

fn decisions(criterion: &mut Criterion) {
    let now = instant(BENCH_AT);
    let mut group = criterion.benchmark_group("decide");
    for (n_customers, n_questions, column) in SIZES {
        let catalog = cases::catalog(n_customers);
        for case in &CASES {
            let questions = case.questions(&catalog, n_questions);
            let mut next = questions.iter().cycle();
            group.bench_function(BenchmarkId::new(case.name, column), |bencher| {
                bencher.iter(|| decide(&catalog, &next.next().expect("endless").question(), now));
            });
        }
        let questions = ORDINARY.questions(&catalog, n_questions);
        let mut next = questions.iter().cycle();
        group.bench_function(BenchmarkId::new(ALL_FEATURES, column), |bencher| {
            bencher.iter(|| {
                let Asked { customer, consumed, .. } = next.next().expect("endless");
                cases::decide_all(&catalog, customer, *consumed, now)
            });
        });
        drop(catalog);
        let map = cases::by_hand(n_customers);
        let mut next = questions.iter().cycle();
        group.bench_function(BenchmarkId::new(BY_HAND, column), |bencher| {
            bencher.iter(|| cases::look_up(&map, next.next().expect("endless")));
        });
    }
}

/// Into the same buffer again and again, as a batch does.
fn writing(criterion: &mut Criterion) {
    let now = instant(BENCH_AT);
    let catalog = cases::catalog(N_WARM);
    let mut group = criterion.benchmark_group("write");
    for case in CASES {
        let questions = case.questions(&catalog, N_WARM);
        let decisions = questions.iter().map(|asked| decide(&catalog, &asked.question(), now).expect("a decision"));
        let decisions: Vec<Decision<'_>> = decisions.collect();
        let mut next = decisions.iter().cycle();
        let mut out = Vec::new();
        group.bench_function(case.name, |bencher| {
            bencher.iter(|| {
                out.clear();
                next.next().expect("endless").write_json(&mut out);
                out.len()
            });
        });
    }
}

fn windows(criterion: &mut Criterion) {
    let every = |unit, interval| Interval::new(unit, interval).expect("an interval");
    let rhythm = BillingSchedule::new(BillingPeriod::MONTHLY, 31).expect("a day of a month");
    let (start, end) = (instant("2025-12-31"), instant("2026-01-31"));
    let billing = Billing::new(rhythm, start, Some(end), Some(instant("2020-01-31")), None).expect("a period");
    let activation = instant("2020-01-31T09:30:00Z");
    let mut group = criterion.benchmark_group("window");
    for (name, rule, from) in [
        ("NEVER", ResetPeriod::Never, "2026-01-01"),
        ("BILLING_CYCLE, in the current period", ResetPeriod::BillingCycle, "2026-01-01"),
        ("BILLING_CYCLE, rolled 500 years forward", ResetPeriod::BillingCycle, "2526-01-01"),
        ("BILLING_CYCLE, rolled 5 years back", ResetPeriod::BillingCycle, "2021-01-01"),
        ("CALENDAR, 1 HOUR", ResetPeriod::Calendar(every(Unit::Hour, 1).into()), "2026-01-01"),
        ("CALENDAR, 1 WEEK", ResetPeriod::Calendar(every(Unit::Week, 1).into()), "2026-01-01"),
        ("CALENDAR, 1 MONTH", ResetPeriod::Calendar(every(Unit::Month, 1).into()), "2026-01-01"),
        ("FIXED_WINDOW, 7 DAY", ResetPeriod::FixedWindow(every(Unit::Day, 7)), "2026-01-01"),
        ("FIXED_WINDOW, 1 MONTH", ResetPeriod::FixedWindow(every(Unit::Month, 1)), "2026-01-01"),
        ("SLIDING_WINDOW, 1 HOUR", ResetPeriod::SlidingWindow(every(Unit::Hour, 1)), "2026-01-01"),
        ("SLIDING_WINDOW, 1 MONTH", ResetPeriod::SlidingWindow(every(Unit::Month, 1)), "2026-01-01"),
    ] {
        let anchors = Anchors { activation, billing: Some(billing) };
        // Four weeks, an instant in every 40 minutes and a bit.
        let from = instant(from).millis();
        let times = (0..1_000_i64).filter_map(|n| Instant::from_millis(from.wrapping_add(n.wrapping_mul(2_419_201))));
        let times: Vec<Instant> = times.collect();
        let mut next = times.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| window(black_box(rule), black_box(&anchors), &[], *next.next().expect("endless")));
        });
    }
}

fn loading(criterion: &mut Criterion) {
    let text = bench_catalog(10_000);
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap_or_default()));
    group.bench_function("catalog", |bencher| {
        bencher.iter_with_large_drop(|| {
            let document = Document::parse(&text).expect("JSON");
            document.compile().expect("a catalog")
        });
    });
    group.bench_function("yardstick", |bencher| {
        bencher.iter_with_large_drop(|| serde_json::from_str::<serde_json::Value>(&text).expect("JSON"));
    });
}

criterion_group!(benches, decisions, writing, windows, loading);
criterion_main!(benches);
