//! Reads bodies that are forms, which some APIs document and their clients send. All fields are texts.

use crate::failure::{ApiError, ErrorKind};
use crate::request::Request;
use mayuse_document::Tree;
use std::borrow::Cow;

/// The most fields of a form, including the items of lists; every API here has fewer.
const MAX_FIELDS: usize = 1_000;

/// Reads the body as a tree: JSON, or a form of either content type.
///
/// # Errors
/// The content type is another, or the body does not match it.
pub fn tree<'r>(request: &'r Request<'_>) -> Result<Tree<'r>, ApiError> {
    let content_type = request.content_type.unwrap_or_default();
    let mut parts = content_type.split(';');
    let is = |essence: &str, known: &str| essence.trim().eq_ignore_ascii_case(known);
    let essence = parts.next().unwrap_or_default();
    let mut form = Form::default();
    if is(essence, "application/x-www-form-urlencoded") {
        for (name, value) in form_urlencoded::parse(request.body) {
            form.add(&name, value.into_owned())?;
        }
    } else if is(essence, "multipart/form-data") {
        let boundary = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| is(name, "boundary"));
        let boundary = boundary.map(|(_, value)| value.trim().trim_matches('"')).unwrap_or_default();
        multipart(request.body, boundary, &mut form)?;
    } else {
        return request.tree();
    }
    Ok(Tree::Object(form.fields))
}

#[derive(Default)]
struct Form {
    fields: Vec<(Cow<'static, str>, Tree<'static>)>,
    n_added: usize,
}

impl Form {
    /// Adds a field; `name[]`, `name[0]` and so on are the items of a list.
    fn add(&mut self, name: &str, value: String) -> Result<(), ApiError> {
        if self.n_added == MAX_FIELDS {
            return Err(broken("it has more than 1000 fields"));
        }
        self.n_added = self.n_added.saturating_add(1);
        let list = name.strip_suffix(']').and_then(|name| name.split_once('['));
        let (name, is_item) = list.map_or((name, false), |(name, _)| (name, true));
        let value = Tree::Text(value.into());
        let held = self.fields.iter_mut().find_map(|(held, tree)| match tree {
            Tree::List(items) if is_item && held == name => Some(items),
            _ => None,
        });
        match held {
            Some(items) => items.push(value),
            None if is_item => self.fields.push((name.to_owned().into(), Tree::List(vec![value]))),
            None => self.fields.push((name.to_owned().into(), value)),
        }
        Ok(())
    }
}

fn broken(what: &str) -> ApiError {
    ApiError::new(ErrorKind::BadRequest, format!("the form cannot be read: {what}"))
}

/// Reads the parts of a body between lines of `--boundary`, up to `--boundary--`.
fn multipart(body: &[u8], boundary: &str, form: &mut Form) -> Result<(), ApiError> {
    let is_visible = boundary.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !is_visible || !(1..=70).contains(&boundary.len()) {
        return Err(broken("its content type says no boundary of 1 to 70 characters"));
    }
    let body = str::from_utf8(body).map_err(|_| broken("it is not UTF-8; files are not taken"))?;
    let line = format!("--{boundary}");
    let cut = || broken("it ends before its last boundary");
    // Text before the first boundary and after the last is ignored.
    let mut rest = match body.strip_prefix(&line) {
        Some(rest) => rest,
        None => body.split_once(&format!("\r\n{line}")).ok_or_else(cut)?.1,
    };
    let delimiter = format!("\r\n{line}");
    while !rest.starts_with("--") {
        let (_, part) = rest.split_once("\r\n").ok_or_else(cut)?;
        let (part, after) = part.split_once(&delimiter).ok_or_else(cut)?;
        let (head, value) = part.split_once("\r\n\r\n").ok_or_else(|| broken("a part has no headers"))?;
        form.add(&name_of(head)?, value.to_owned())?;
        rest = after;
    }
    Ok(())
}

/// The name of a part, from its headers.
fn name_of(head: &str) -> Result<String, ApiError> {
    let disposition = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let disposition = disposition.filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"));
    let parameters = disposition.flat_map(|(_, value)| value.split(';')).filter_map(|part| part.split_once('='));
    let mut found = None;
    for (name, value) in parameters {
        match name.trim() {
            "name" => found = Some(value.trim().trim_matches('"').to_owned()),
            "filename" | "filename*" => return Err(broken("it has a file; only texts are taken")),
            _ => {}
        }
    }
    found.ok_or_else(|| broken("a part has no name"))
}
