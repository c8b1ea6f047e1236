//! Names, keys and manifests at their edges: the last that is read, the first that is not, and what is said of it.

use crate::cutting::{cut, key};
use mayuse_core::{Packed, Writer};
use mayuse_snapshot::{Hash, KeyError, Manifest, ManifestError, PublicKey, SigningKey, Unverified, is_audience};
use serde_json::json;

fn manifest() -> Manifest {
    let mut manifest = cut(&json!({ "format": 1 }), 1).manifest(41);
    manifest.previous = Some(Hash::of(b"previous"));
    manifest
}

fn refused(text: String) -> ManifestError {
    Unverified::read(&Packed::from(text)).unwrap_err()
}

#[test]
fn an_audience_is_1_to_128_visible_characters() {
    for good in ["a", "!", "~", "https://mayuse.example/a?b", &"x".repeat(128)] {
        assert!(is_audience(good), "{good}");
    }
    for bad in ["", " ", "a b", "a\n", "\u{7f}", "\u{e9}", &"x".repeat(129)] {
        assert!(!is_audience(bad), "{bad:?}");
        let signed = Manifest { audience: bad.to_owned(), ..manifest() }.sign(&key());
        // That it names none is left to the reader to judge.
        let read = Unverified::read(&Packed::from(signed)).map(|read| read.claims().audience.clone());
        let unreadable = ManifestError::Damaged("its audience cannot be read");
        assert_eq!(read, if bad.is_empty() { Ok(String::new()) } else { Err(unreadable) }, "{bad:?}");
    }
}

#[test]
fn a_manifest_is_for_one_audience() {
    assert_eq!(manifest().is_for("tests"), Ok(()));
    let message = |audience: &str| {
        Manifest { audience: audience.to_owned(), ..manifest() }.is_for("shop").unwrap_err().to_string()
    };
    let hint = ", and here is shop: build it with --audience shop";
    assert_eq!(message("tests"), format!("the manifest is for the audience tests{hint}"));
    assert_eq!(message(""), format!("the manifest names no audience{hint}"));
}

#[test]
fn a_manifest_is_kept_until_it_is_signed() {
    let packed = |text: String| Manifest::unpack(&Packed::from(text));
    assert_eq!(packed(manifest().pack()), Some(manifest()));
    // Without a key, it is signed by the key called 0.
    assert!(manifest().pack().ends_with(&"0".repeat(16)));
    assert_eq!(packed(manifest().pack().replacen("mym", "myn", 1)), None);
    assert_eq!(packed(manifest().pack()[3..].to_owned()), None);
    let other_format = |format: u64| {
        let (mut own, mut other) = (Writer::default(), Writer::default());
        own.number(2);
        other.number(format);
        manifest().pack().replacen(&format!("mym{}", own.0), &format!("mym{}", other.0), 1)
    };
    assert_eq!(packed(other_format(2)), Some(manifest()));
    assert_eq!((packed(other_format(1)), packed(other_format(3))), (None, None));
}

/// The format before audiences named none.
#[test]
fn a_manifest_of_the_first_format_names_no_audience() {
    let (mut now, mut before) = (Writer::default(), Writer::default());
    now.number(2);
    now.text("tests");
    before.number(1);
    let unsigned = manifest().unsigned(key().public().id());
    let first = unsigned.replacen(&format!("mym{}", now.0), &format!("mym{}", before.0), 1);
    assert_ne!(first, unsigned);
    let read = Unverified::read(&Packed::from(Manifest::seal(first.clone(), &[0; 64]))).unwrap();
    assert_eq!(read.claims(), &Manifest { audience: String::new(), ..manifest() });
    assert_eq!((read.signed(), read.message().as_slice()), (first.as_bytes(), first.as_bytes()));
}

#[test]
fn a_manifest_that_cannot_be_read_says_why() {
    let long = |n_bytes: usize| format!("mym{}", "\u{1}".repeat(n_bytes - 3));
    let too_large = ManifestError::Damaged("it is larger than there can be");
    assert_eq!(refused(long((16 << 20) + 1)), too_large);
    assert_ne!(refused(long(16 << 20)), too_large);
    assert_eq!(refused("mym".to_owned()), ManifestError::Damaged("it ends early"));
    assert_eq!(refused(format!("mym{}", "0".repeat(124))), ManifestError::Damaged("it ends early"));
    assert_eq!(refused("something else".repeat(50)), ManifestError::NotOne);
    let signed = manifest().sign(&key());
    let without_digits = format!("{}{}", &signed[..signed.len() - 128], "x".repeat(128));
    assert_eq!(refused(without_digits), ManifestError::Damaged("its signature is none"));
    let id = key().public().id();
    let messages = [
        (ManifestError::NotOne, "not a manifest".to_owned()),
        (
            ManifestError::Newer(3),
            "a manifest of format 3, and this program reads formats 1 to 2: update it".to_owned(),
        ),
        (ManifestError::Damaged("it ends early"), "a manifest is damaged: it ends early".to_owned()),
        (ManifestError::UnknownKey(id), format!("the manifest is signed with key {id}, which is not known here")),
        (ManifestError::WrongSignature(id), format!("the manifest is not signed by key {id}, as it says")),
    ];
    for (error, message) in messages {
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_key_is_64_digits_and_its_name_16() {
    let public = key().public();
    let text = public.to_string();
    assert_eq!(PublicKey::parse(&format!(" {text}\n")), Ok(public));
    assert_eq!((PublicKey::from_bytes(*public.as_bytes()), public.as_bytes()[0]), (public, 0xea));
    assert!(text.starts_with("ea"), "{text}");
    let name = public.id().to_string();
    assert_eq!(name, Hash::of(public.as_bytes()).to_string()[..16]);
    assert_eq!((format!("{:?}", public.id()), format!("{:?}", key())), (name.clone(), format!("SigningKey({name})")));
    assert_eq!(key().secret(), "07".repeat(32));
    assert_eq!(SigningKey::parse(&format!(" {} ", key().secret())).unwrap().public(), public);
    for bad in ["", "07", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64)] {
        assert_eq!((PublicKey::parse(bad), SigningKey::parse(bad).err()), (Err(KeyError), Some(KeyError)), "{bad}");
    }
    for between in [" ", ",", "\n", "\t", "\r", ", \r\n"] {
        assert_eq!(PublicKey::parse_list(&format!("{between}{text}{between}{text}")), Ok(vec![public; 2]));
    }
    assert_eq!(KeyError.to_string(), "a key is 64 hexadecimal digits, as `mayuse keygen` prints it");
}
