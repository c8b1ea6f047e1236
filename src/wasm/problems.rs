//! Problems, as JavaScript gets them.

use mayuse_core::{Problems, WriteJson, write_list};

/// Problems as a JSON array, which `pkg/` turns into an error.
pub fn shown(problems: &Problems) -> String {
    let mut list = Vec::new();
    for problem in &problems.list {
        list.push((problem.code.name(), problem.place.text(), problem.message.as_str()));
    }
    listed(&list)
}

/// Problems (code, path, message) as a JSON array.
pub fn listed(problems: &[(&str, String, &str)]) -> String {
    let mut out = Vec::new();
    write_list(&mut out, problems, |(code, path, message), out| {
        for (name, value) in [("{\"code\":", *code), (",\"path\":", path.as_str()), (",\"message\":", *message)] {
            out.extend_from_slice(name.as_bytes());
            value.write_json(out);
        }
        out.push(b'}');
    });
    String::from_utf8(out).unwrap_or_default()
}
