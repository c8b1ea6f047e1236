//! Manifests: what is signed is what is read, and nothing else is believed.

use crate::counting;
use crate::cutting::{Cut, cut, key, published};
use mayuse_core::{Instant, MAX_VERSION, Packed, Policy, Writer};
use mayuse_snapshot::{
    Hash, Manifest, ManifestError, ObjectRef, Policies, PublicKey, SigningKey, SnapshotIndex, Unverified,
};
use serde_json::Value;

fn demo() -> Cut {
    let demo: Value = serde_json::from_str(include_str!("../../demo/catalog.json")).unwrap();
    cut(&demo, 1)
}

fn manifest() -> Manifest {
    demo().manifest(41)
}

fn read(bytes: &str, keys: &[PublicKey]) -> Result<Manifest, ManifestError> {
    Unverified::read(&Packed::from(bytes.to_owned()))?.verify(keys)
}

#[track_caller]
fn check_comes_back(change: impl FnOnce(&mut Manifest)) {
    let mut manifest = manifest();
    change(&mut manifest);
    assert_eq!(published(&manifest), manifest);
}

#[test]
fn every_field_comes_back() {
    check_comes_back(|_| {});
    check_comes_back(|m| m.audience = String::new());
    check_comes_back(|m| m.audience = "x".repeat(128));
    check_comes_back(|m| m.version = 0);
    check_comes_back(|m| m.version = MAX_VERSION);
    check_comes_back(|m| m.generated_at = Instant::MIN);
    check_comes_back(|m| m.generated_at = Instant::MAX);
    check_comes_back(|m| m.previous = Some(Hash::of(b"previous")));
    check_comes_back(|m| m.table.seed = u64::MAX);
    check_comes_back(|m| m.table.catalog_object.size = u32::MAX);
    let part = ObjectRef { hash: Hash::of(b"shard"), size: u32::MAX, n: u32::MAX };
    check_comes_back(|m| m.table = SnapshotIndex { bits: 0, shards: vec![part], ..m.table.clone() });
    check_comes_back(|m| m.table = SnapshotIndex { bits: 10, shards: vec![part; 1 << 10], ..m.table.clone() });
    let (stale_after_ms, max_age_ms) = (Some(1), Some(u64::MAX));
    check_comes_back(|m| m.policies = Policies { on_indeterminate: Policy::Allow, stale_after_ms, max_age_ms });
}

#[test]
fn a_version_that_javascript_cannot_hold_is_refused_by_every_reader() {
    assert_eq!(MAX_VERSION, 9_007_199_254_740_991);
    for version in [MAX_VERSION + 1, MAX_VERSION + 2, 1 << 63, u64::MAX] {
        let signed = Manifest { version, ..manifest() }.sign(&key());
        let error = read(&signed, &[key().public()]).unwrap_err();
        assert!(error.to_string().contains(&format!("its version is above {MAX_VERSION}")), "{error}");
    }
}

#[test]
fn the_most_shards_are_read_and_one_bit_more_is_not() {
    let part = ObjectRef { hash: Hash::of(b"shard"), size: u32::MAX, n: u32::MAX };
    let mut manifest = manifest();
    let with = |manifest: &mut Manifest, bits: u8| {
        manifest.table.bits = bits;
        manifest.table.shards = vec![part; 1 << bits];
        manifest.sign(&key())
    };
    let most = with(&mut manifest, SnapshotIndex::MAX_BITS);
    assert_eq!(read(&most, &[key().public()]).as_ref(), Ok(&manifest));
    let more = with(&mut manifest, SnapshotIndex::MAX_BITS + 1);
    assert!(matches!(read(&more, &[key().public()]), Err(ManifestError::Damaged(_))));
}

/// Each of its bytes, changed to others that leave it a text, and each of its beginnings.
#[test]
fn no_byte_can_be_changed_and_none_left_out() {
    let signed = manifest().sign(&key());
    let keys = [key().public()];
    let refused = |bytes: Vec<u8>| Packed::new(bytes).is_none_or(|bytes| read(bytes.as_str(), &keys).is_err());
    for at in 0..signed.len() {
        for change in [1 << (at % 7), 0x40, 0x80] {
            let mut bytes = signed.clone().into_bytes();
            bytes[at] ^= change;
            assert!(refused(bytes), "byte {at} may be changed by {change}");
        }
        assert!(refused(signed.as_bytes()[..at].to_vec()), "its first {at} bytes are enough");
        let mut without = signed.clone().into_bytes();
        without.remove(at);
        assert!(refused(without), "byte {at} is of no use");
    }
    for more in [" ", "\n", "0", "\0"] {
        assert!(refused(format!("{signed}{more}").into_bytes()) && refused(format!("{more}{signed}").into_bytes()));
    }
    assert!(refused(signed.to_uppercase().into_bytes()), "digits of a signature have one case");
}

#[test]
fn one_of_the_keys_must_have_signed_it() {
    let (one, two, three) = (key(), SigningKey::from_seed(&[8; 32]), SigningKey::from_seed(&[9; 32]));
    let (old, new) = (manifest().sign(&one), manifest().sign(&two));
    let both = [one.public(), two.public()];
    assert!(read(&old, &both).is_ok() && read(&new, &both).is_ok(), "while keys change, both are valid");
    assert_eq!(read(&old, &[two.public()]), Err(ManifestError::UnknownKey(one.public().id())));
    assert_eq!(read(&old, &[]), Err(ManifestError::UnknownKey(one.public().id())));
    // Signed by one that says to be another.
    let unsigned = manifest().unsigned(one.public().id());
    let signature =
        |key: &SigningKey| -> [u8; 64] { *Unverified::read(&Packed::from(manifest().sign(key))).unwrap().signature() };
    let forged = Manifest::seal(unsigned.clone(), &signature(&three));
    assert_eq!(read(&forged, &both), Err(ManifestError::WrongSignature(one.public().id())));
    assert!(read(&Manifest::seal(unsigned, &[0; 64]), &both).is_err());
    // What is signed, and what was verified elsewhere.
    let unverified = Unverified::read(&Packed::from(old.clone())).unwrap();
    assert_eq!(unverified.signed(), manifest().unsigned(one.public().id()).as_bytes());
    assert_eq!((unverified.key(), unverified.claims()), (one.public().id(), &manifest()));
    assert_eq!(unverified.verified(false), Err(ManifestError::WrongSignature(one.public().id())));
    assert_eq!(Unverified::read(&Packed::from(old)).unwrap().verified(true), Ok(manifest()));
}

#[test]
fn a_later_program_is_named_as_the_reason() {
    for format in [0, 3, 1_000, u64::MAX] {
        let mut writer = Writer::default();
        writer.0.push_str("mym");
        writer.number(format);
        writer.0.push_str(&"?".repeat(200));
        let error = read(&writer.0, &[]).unwrap_err();
        assert_eq!(error, ManifestError::Newer(format));
        assert!(error.to_string().ends_with("update it"), "{error}");
    }
}

#[test]
fn what_is_none_is_refused_without_reserving_anything() {
    let head = |write: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::default();
        writer.0.push_str("mym");
        // The format before audiences, which is read too.
        writer.number(1);
        write(&mut writer);
        writer.0.push_str(&"0".repeat(200));
        writer.0
    };
    let until_bits = |writer: &mut Writer| {
        [1, 0, 0, 0, 0].into_iter().for_each(|number| writer.number(number));
        writer.text("");
        writer.number(1);
        writer.0.push_str(&"0".repeat(64));
        writer.number(1);
        writer.number(0);
    };
    let texts = [
        String::new(),
        "mym".to_owned(),
        "myp".repeat(100),
        head(&|_| {}),
        head(&|writer| writer.number(u64::MAX)),
        head(&|writer| (0..5).for_each(|_| writer.number(u64::MAX))),
        // A text as long as there is memory, and more shards than there are bytes.
        head(&|writer| (0..6).for_each(|n| writer.number(if n == 5 { u64::MAX } else { 1 }))),
        head(&|writer| {
            until_bits(writer);
            writer.number(17);
        }),
        head(&|writer| {
            until_bits(writer);
            writer.number(u64::MAX);
        }),
    ];
    for text in texts {
        let packed = Packed::from(text.clone());
        let (n_bytes, refused) = counting::bytes(|| Unverified::read(&packed).is_err());
        assert!(refused && n_bytes < 4_096, "{n_bytes} bytes for {text:?}");
    }
    assert!(Packed::new(vec![b'm', b'y', b'm', 0xff]).is_none(), "not even a text");
    // Larger than any can be: not even looked at.
    let huge = Packed::from("mym".to_owned() + &"\u{1}".repeat(17 << 20));
    let (n_bytes, refused) = counting::bytes(|| Unverified::read(&huge).is_err());
    assert!(refused && n_bytes < 64, "{n_bytes} bytes");
}

/// RFC 8032, 7.1, test 3: the library signs and verifies what the standard says, on every platform.
/// Keys and signatures are public by way of a manifest alone, so the message is one.
#[test]
fn the_library_is_that_of_the_standard() {
    let seed = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7";
    let public = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
    let key = SigningKey::parse(seed).unwrap();
    assert_eq!(key.public().to_string(), public);
    assert_eq!(PublicKey::parse(public), Ok(key.public()));
    assert!(read(&manifest().sign(&key), &[PublicKey::parse(public).unwrap()]).is_ok());
}

/// A public key of small order, for which some signatures fit every message, verifies nothing.
#[test]
fn weak_keys_verify_nothing() {
    for weak in ["01".to_owned(), "00".to_owned(), format!("ec{}7f", "f".repeat(60))] {
        let public = PublicKey::parse(&format!("{weak:0<64}")).unwrap();
        let mut signature = [0; 64];
        signature[0] = 1;
        for signature in [signature, [0; 64]] {
            let forged = Manifest::seal(manifest().unsigned(public.id()), &signature);
            assert_eq!(read(&forged, &[public]), Err(ManifestError::WrongSignature(public.id())), "{weak}");
        }
    }
}
