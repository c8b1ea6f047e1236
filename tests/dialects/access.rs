//! Keys: the table, what each may do, and how each dialect presents one.

use mayuse_dialects::{DEMO_KEY, Dialect, ErrorKind, Keys, Presented, Scope, scope_of};

/// The SHA-256 of `one`, of `two` and of the demo key, as `sha256sum` prints them.
const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
const TWO: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";
const DEMO: &str = "fc63f241a96834b1919213dd3bfecc65a282ae828820239e704e632b9c05dbea";

fn table() -> Keys {
    let json = format!(
        r#"[
            {{"name": "app", "sha256": "{ONE}", "scopes": ["check"]}},
            {{"name": "billing", "sha256": "{}", "scopes": ["catalog", "usage"], "class": "bulk"}}
        ]"#,
        TWO.to_uppercase()
    );
    Keys::read(&json).unwrap()
}

#[test]
fn a_table_is_read() {
    let keys = table();
    let app = keys.find("one").unwrap();
    assert_eq!(
        (app.name.as_str(), app.class.as_str(), app.scopes.as_slice()),
        ("app", "standard", &[Scope::Check][..])
    );
    let billing = keys.find("two").unwrap();
    assert_eq!((billing.name.as_str(), billing.class.as_str()), ("billing", "bulk"));
    assert_eq!(billing.scopes, [Scope::Catalog, Scope::Usage]);
    for unknown in ["", "One", "one ", ONE] {
        assert!(keys.find(unknown).is_none(), "{unknown}");
    }
    assert_eq!(Keys::read("[]").unwrap(), Keys::default());
}

#[test]
fn every_mistake_in_a_table_is_named() {
    let cases = [
        ("{}", "keys: expected an array, found an object"),
        ("null", ""),
        ("[", "the table of keys is not JSON: line 1, column 1"),
        ("[5]", "keys[0]: expected an object, found a number"),
        (r#"[{"sha256": "ONE", "scopes": []}]"#, "keys[0].name: a required field is missing"),
        (r#"[{"name": "a", "scopes": []}]"#, "keys[0].sha256: a required field is missing"),
        (r#"[{"name": "a", "sha256": "ONE"}]"#, "keys[0].scopes: a required field is missing"),
        (r#"[{"name": "a", "sha256": "ONE", "scopes": "check"}]"#, "keys[0].scopes: expected an array, found a string"),
        (
            r#"[{"name": "a", "sha256": "ONE", "scopes": ["check", "all"]}]"#,
            "keys[0].scopes[1]: expected one of check, usage, snapshot, catalog",
        ),
        (
            r#"[{"name": "a", "sha256": "ONE0", "scopes": []}]"#,
            "keys[0].sha256: expected 64 hexadecimal digits: the SHA-256 of the key",
        ),
        (
            r#"[{"name": "a", "sha256": "g692", "scopes": []}]"#,
            "keys[0].sha256: expected 64 hexadecimal digits: the SHA-256 of the key",
        ),
        (r#"[{"name": "a", "sha256": 7, "scopes": []}]"#, "keys[0].sha256: expected a string, found a number"),
        (
            r#"[{"name": "a", "sha256": "ONE", "scopes": [], "class": 1}]"#,
            "keys[0].class: expected a string, found a number",
        ),
        (
            r#"[{"name": "a", "sha256": "ONE", "scopes": []}, {"name": "a", "sha256": "TWO", "scopes": []}]"#,
            "keys[1].name: an earlier row has the same name",
        ),
        (
            r#"[{"name": "a", "sha256": 7, "scopes": []}, {"name": "a", "sha256": "TWO", "scopes": []}]"#,
            "keys[0].sha256: expected a string, found a number\nkeys[1].name: an earlier row has the same name",
        ),
        (r#"[{"name": "a", "sha256": "ONE", "scopes": []}, {"name": "A", "sha256": "TWO", "scopes": []}]"#, ""),
        (
            r#"[{"name": "a", "sha256": "ONE", "scopes": []}, {"name": "b", "sha256": "ONE", "scopes": ["check"]}]"#,
            "keys[1].sha256: an earlier row is of the same key",
        ),
        (
            r#"[{"name": "a", "sha256": "ONE", "scopes": [], "scope": "check"}]"#,
            "keys[0]: it has a field that is not known; a row has name, sha256, scopes and class",
        ),
        (
            r#"[{"name": "a", "sha256": "ONE", "scopes": [], "scopes": []}]"#,
            "keys[0].scopes: the field is written twice\nkeys[0].scopes: the field is written twice",
        ),
    ];
    for (json, message) in cases {
        match Keys::read(&json.replace("ONE", ONE).replace("TWO", TWO)) {
            Ok(_) => assert!(message.is_empty(), "{json} is accepted"),
            Err(problems) => assert_eq!(problems.to_string(), message, "{json}"),
        }
    }
    let two = r#"[{"name": 1, "sha256": "x", "scopes": []}]"#;
    assert_eq!(Keys::read(two).unwrap_err().list.len(), 2, "all at once");
}

#[test]
fn every_scope_is_named_where_one_is_not_known() {
    let names: Vec<&str> = Scope::names().collect();
    let table = format!(r#"[{{"name": "a", "sha256": "{ONE}", "scopes": ["x"]}}]"#);
    let expected = format!("keys[0].scopes[0]: expected one of {}", names.join(", "));
    assert_eq!(Keys::read(&table).unwrap_err().to_string(), expected);
}

#[test]
fn no_value_of_a_table_is_quoted() {
    // Somebody wrote the key itself where its hash, its name, its scope or nothing at all belongs.
    const KEY: &str = "mayuse_7b1d0c3e5f9a24688642a9f5e3c0d1b7";
    let row = |name: &str, sha256: &str, scope: &str, class: &str| {
        format!(r#"{{"name": "{name}", "sha256": "{sha256}", "scopes": ["{scope}"], "class": "{class}"}}"#)
    };
    let good = row(KEY, ONE, "check", "bulk");
    for table in [
        format!("[{}]", row("a", KEY, "check", "bulk")),
        format!("[{}]", row("a", ONE, KEY, "bulk")),
        format!("[{}]", row("a", ONE, "check", &KEY.to_uppercase())),
        format!("[{}]", row(&format!("{KEY} "), ONE, "check", "bulk")),
        format!("[{good}, {}]", row(KEY, TWO, "check", "bulk")),
        format!("[{}]", good.replace("\"name\"", &format!("\"{KEY}\": 1, \"name\""))),
        format!("[\"{KEY}\"]"),
        format!("\"{KEY}\""),
        KEY.to_owned(),
        format!("{{\"{KEY}\": []}}"),
        format!("[{good}, {KEY}]"),
    ] {
        let said = Keys::read(&table).unwrap_err().to_string();
        assert!(!said.to_lowercase().contains("7b1d0c3e"), "{said}");
        assert!(!said.is_empty());
    }
}

#[test]
fn a_name_fits_into_a_header_and_a_class_into_the_name_of_a_binding() {
    let read = |name: &str, class: &str| {
        let row = serde_json::json!([{"name": name, "sha256": ONE, "scopes": [], "class": class}]);
        Keys::read(&row.to_string()).map_err(|problems| problems.to_string())
    };
    let longest = ("n".repeat(64), "c".repeat(32));
    for (name, class) in [("a", "a"), ("it's me, 2 (of 3) ~!", "very_bulk_2"), (&longest.0, &longest.1)] {
        let keys = read(name, class).unwrap();
        let key = keys.find("one").unwrap();
        assert_eq!((key.name.as_str(), key.class.as_str()), (name, class));
    }
    let longer = "n".repeat(65);
    let no_names = ["", " ", " a", "a ", "a\n", "a\r\nx: y", "a\tb", "\0", "\u{7f}", "J\u{f6}rg", "\u{1f600}", &longer];
    for name in no_names {
        let expected = "keys[0].name: expected 1 to 64 visible ASCII characters, with spaces only between them";
        assert_eq!(read(name, "bulk").unwrap_err(), expected, "{name:?}");
    }
    let longer = "c".repeat(33);
    for class in ["", "Bulk", "a b", "a-b", "a.b", " bulk", "\u{f6}", &longer] {
        let expected = "keys[0].class: expected 1 to 32 of a to z, 0 to 9 and _";
        assert_eq!(read("a", class).unwrap_err(), expected, "{class:?}");
    }
}

#[test]
fn the_demo_key_opens_only_the_local_run() {
    let json = format!(r#"[{{"name": "a", "sha256": "{DEMO}", "scopes": ["check"]}}]"#);
    let problems = Keys::read(&json).unwrap_err().to_string();
    assert_eq!(problems, "keys[0].sha256: this is the demo key, which everybody knows");
    let json = json.replace(DEMO, &DEMO.to_uppercase());
    assert!(Keys::read(&json).is_err(), "in capitals, too");

    assert!(table().find(DEMO_KEY).is_none());
    let mut keys = table();
    keys.extend(Keys::demo());
    let demo = keys.find(DEMO_KEY).unwrap();
    assert_eq!((demo.name.as_str(), demo.scopes.len()), ("demo", 4));
    assert!(keys.find("one").is_some());
}

#[test]
fn a_key_does_what_its_scopes_say() {
    let keys = table();
    let ask = |key: &str, scope| {
        let bearer = format!("Bearer {key}");
        let key = keys.identify(Dialect::Native, Some(&bearer), None)?;
        key.require(scope).map(|()| key.name.clone())
    };
    assert_eq!(ask("one", Scope::Check).unwrap(), "app");
    assert_eq!(ask("two", Scope::Catalog).unwrap(), "billing");
    let refused = ask("one", Scope::Catalog).unwrap_err();
    assert_eq!(
        (refused.kind, refused.message.as_str()),
        (ErrorKind::Forbidden, "the key `app` has no scope `catalog`")
    );
    assert_eq!(ask("two", Scope::Check).unwrap_err().kind, ErrorKind::Forbidden);
    let unknown = ask("three", Scope::Check).unwrap_err();
    let message = "the key is not known; send authorization: Bearer KEY, or x-api-key: KEY";
    assert_eq!((unknown.kind, unknown.message.as_str()), (ErrorKind::Unauthorized, message));
}

#[test]
fn each_dialect_looks_for_the_key_in_its_place() {
    // `one:` and `one:secret`, `:one`, `one` and `two:` in base 64.
    let (basic, with_secret) = ("Basic b25lOg==", "Basic b25lOnNlY3JldA==");
    let cases: [(Dialect, Option<&str>, Option<&str>, bool); 30] = [
        (Dialect::Native, Some("Bearer one"), None, true),
        (Dialect::Native, Some("bearer  one "), None, true),
        (Dialect::Native, None, Some("one"), true),
        (Dialect::Native, None, Some(" one "), true),
        (Dialect::Native, Some(basic), None, false),
        (Dialect::Native, Some(basic), Some("one"), true),
        (Dialect::Native, Some("Bearer three"), Some("one"), false),
        (Dialect::Native, Some("one"), None, false),
        (Dialect::Native, Some("Bearer"), None, false),
        (Dialect::Native, Some("Bearer "), None, false),
        (Dialect::Native, None, Some(""), false),
        (Dialect::Native, None, None, false),
        (Dialect::Meteroid, Some("Bearer one"), None, true),
        (Dialect::Meteroid, None, Some("one"), false),
        (Dialect::Meteroid, Some(basic), None, false),
        (Dialect::Commet, None, Some("one"), true),
        (Dialect::Commet, Some("Bearer one"), None, false),
        (Dialect::Commet, Some("Bearer one"), Some("three"), false),
        (Dialect::Commet, Some(basic), None, false),
        (Dialect::Pabbly, Some(basic), None, true),
        (Dialect::Pabbly, Some(with_secret), None, true),
        (Dialect::Pabbly, Some("basic b25lOnNlY3JldA=="), None, true),
        (Dialect::Pabbly, Some("Bearer one"), None, false),
        (Dialect::Pabbly, None, Some("one"), false),
        (Dialect::Pabbly, Some("Basic Om9uZQ=="), None, false),
        (Dialect::Pabbly, Some("Basic b25l"), None, false),
        (Dialect::Pabbly, Some("Basic one:"), None, false),
        (Dialect::Pabbly, Some("Basic /////w=="), None, false),
        (Dialect::Pabbly, Some("Basic "), None, false),
        (Dialect::Pabbly, Some("Basic dHdvOg=="), None, false),
    ];
    let keys = table();
    for (dialect, authorization, x_api_key, fits) in cases {
        let found = keys.identify(dialect, authorization, x_api_key).is_ok_and(|key| key.name == "app");
        assert_eq!(found, fits, "{dialect:?} {authorization:?} {x_api_key:?}");
    }
}

#[test]
fn a_refusal_says_how_to_present_a_key_in_the_words_of_the_dialect() {
    for (dialect, body) in [
        (
            Dialect::Native,
            r#"{"error":{"code":"UNAUTHORIZED","message":"the request has no key; send authorization: Bearer KEY, or x-api-key: KEY"}}"#,
        ),
        (
            Dialect::Meteroid,
            r#"{"code":"UNAUTHORIZED","message":"the request has no key; send authorization: Bearer KEY"}"#,
        ),
        (
            Dialect::Commet,
            r#"{"success":false,"error":{"type":"authentication_error","code":"unauthorized","message":"the request has no key; send x-api-key: KEY"}}"#,
        ),
        (
            Dialect::Pabbly,
            r#"{"status":"error","success":false,"message":"the request has no key; send HTTP Basic, the key as the user name","error":"the request has no key; send HTTP Basic, the key as the user name"}"#,
        ),
    ] {
        let failure = table().identify(dialect, None, None).unwrap_err();
        let reply = dialect.refuse(&failure);
        assert_eq!((reply.status, reply.body.unwrap().to_string().as_str()), (401, body));
    }
}

#[test]
fn every_path_has_its_scope_and_its_dialect() {
    for (method, path, scope) in [
        ("GET", "/healthz", None),
        ("HEAD", "/readyz", None),
        ("GET", "/openapi.json", None),
        ("POST", "/healthz", Some(Scope::Catalog)),
        ("SEARCH", "/healthz", Some(Scope::Catalog)),
        ("get", "/healthz", Some(Scope::Catalog)),
        ("PROPFIND", "/api/v1/customers/acme/entitlements", Some(Scope::Catalog)),
        ("POST", "/v1/check", Some(Scope::Check)),
        ("GET", "/v1/check", Some(Scope::Check)),
        ("POST", "/v1/check/batch", Some(Scope::Check)),
        ("GET", "/api/v1/customers/acme/entitlements", Some(Scope::Granted)),
        ("PUT", "/api/v1/customers/acme/entitlements", Some(Scope::Catalog)),
        ("GET", "/v1/catalog", Some(Scope::Catalog)),
        ("POST", "/addons", Some(Scope::Catalog)),
        ("POST", "/api/v1/addon/x", Some(Scope::Catalog)),
        ("GET", "/anything", Some(Scope::Catalog)),
    ] {
        assert_eq!(scope_of(method, path), scope, "{method} {path}");
    }
    let [not, bearer, basic, api_key] = [Presented::Not, Presented::Bearer, Presented::Basic, Presented::ApiKey];
    for (path, presented, dialect) in [
        ("/addons", not, Dialect::Commet),
        ("/addons", bearer, Dialect::Commet),
        ("/addons/x", basic, Dialect::Commet),
        ("/addonsx", api_key, Dialect::Native),
        ("/api/v1/addon/x", not, Dialect::Pabbly),
        ("/api/v1/addon", not, Dialect::Pabbly),
        ("/api/v1/addon/x", basic, Dialect::Pabbly),
        ("/api/v1/addon/x", bearer, Dialect::Meteroid),
        ("/api/v1/addon/x", api_key, Dialect::Commet),
        ("/api/v1/addons", not, Dialect::Meteroid),
        ("/api/v1/addons", bearer, Dialect::Meteroid),
        ("/api/v1/addons", basic, Dialect::Pabbly),
        ("/api/v1/addons", api_key, Dialect::Commet),
        ("/api/v1", api_key, Dialect::Commet),
        ("/api/v2/addon/x", basic, Dialect::Meteroid),
        ("/v1/catalog", api_key, Dialect::Native),
        ("/", basic, Dialect::Native),
        ("", not, Dialect::Native),
    ] {
        assert_eq!(Dialect::of(path, presented), dialect, "{path} {presented:?}");
    }
    for (authorization, x_api_key, presented) in [
        (None, None, not),
        (None, Some("k"), api_key),
        (None, Some(""), api_key),
        (Some("Bearer k"), None, bearer),
        (Some("bearer"), None, bearer),
        (Some(" BASIC k"), None, basic),
        (Some("Bearer k"), Some("k"), bearer),
        (Some("Basic k"), Some("k"), basic),
        (Some("Digest k"), Some("k"), api_key),
        (Some("Digest k"), None, not),
        (Some("Bearerk"), None, not),
    ] {
        assert_eq!(Presented::of(authorization, x_api_key), presented, "{authorization:?} {x_api_key:?}");
    }
}

#[test]
fn the_scope_of_writing_the_catalog_includes_reading_what_is_made_from_it() {
    const ALL: [Scope; 5] = [Scope::Check, Scope::Usage, Scope::Snapshot, Scope::Catalog, Scope::Granted];
    for (name, included) in [
        ("check", [Scope::Check, Scope::Granted].as_slice()),
        ("usage", &[Scope::Usage]),
        ("snapshot", &[Scope::Snapshot]),
        ("catalog", &[Scope::Snapshot, Scope::Catalog, Scope::Granted]),
    ] {
        let table = format!(r#"[{{"name": "a", "sha256": "{ONE}", "scopes": ["{name}"]}}]"#);
        let keys = Keys::read(&table).unwrap();
        let key = keys.find("one").unwrap();
        let may: Vec<Scope> = ALL.into_iter().filter(|scope| key.require(*scope).is_ok()).collect();
        assert_eq!(may, included, "{name}");
    }
}
