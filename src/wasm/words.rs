//! Answers as numbers: JavaScript reads them from memory, and makes texts and objects only of what is asked for.
//!
//! Everything is a number of 64 bits. A text is its length in bytes and then its bytes, six to a number. NaN stands for
//! nothing. An amount is itself if it is a whole number that JavaScript holds exactly; else it is where its text is,
//! and a half, so that it cannot be taken for an amount.

use mayuse_core::{Amount, Instant};

/// The bytes of a text in one number. A number has 53 bits.
const BYTES: usize = 6;
const SIX_BYTES: u64 = (1 << 48) - 1;

/// The numbers of an answer.
#[derive(Debug, Default)]
pub struct Words {
    words: Vec<f64>,
    /// Where the answer began that is being written.
    begin: usize,
    /// Texts that stand behind the answer, each with the word that says where.
    texts: Vec<(usize, String)>,
    /// The suggestions and the trace of the last decision, as JSON. They are long, and JavaScript may never read them.
    #[cfg(feature = "explain")]
    pub extras: Vec<u8>,
}

impl Words {
    /// The address of the first number.
    pub fn address(&self) -> u32 {
        u32::try_from(self.words.as_ptr().addr()).unwrap_or_default()
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.words.clear();
    }

    /// Begins an answer. Its first number is its length, the second its kind.
    pub fn begin(&mut self, kind: u8) {
        self.begin = self.words.len();
        self.words.push(0.0);
        self.number(kind);
    }

    /// Ends the answer: writes the texts that stand behind it, and its length.
    pub fn end(&mut self) {
        for (at, text) in std::mem::take(&mut self.texts) {
            let place = self.words.len().saturating_sub(self.begin);
            self.set(at, place as f64 + 0.5);
            self.text(Some(&text));
        }
        let length = self.words.len().saturating_sub(self.begin);
        self.set(self.begin, length as f64);
    }

    fn set(&mut self, at: usize, word: f64) {
        if let Some(place) = self.words.get_mut(at) {
            *place = word;
        }
    }

    /// Writes a number that is exact.
    pub fn number(&mut self, number: impl Into<f64>) {
        self.words.push(number.into());
    }

    /// Writes a number below 2^53, or nothing.
    pub fn whole(&mut self, number: Option<u64>) {
        self.words.push(number.map_or(f64::NAN, |number| number as f64));
    }

    /// Writes the milliseconds of an instant.
    pub fn instant(&mut self, instant: Option<Instant>) {
        self.words.push(instant.map_or(f64::NAN, |instant| instant.millis() as f64));
    }

    /// Writes flags.
    pub fn flags(&mut self, flags: &[bool]) {
        self.number(bits_of(flags));
    }

    /// Writes where a text of the catalog is in memory, which stands for it.
    pub fn address_of(&mut self, text: &str) {
        self.number(u32::try_from(text.as_ptr().addr()).unwrap_or_default());
    }

    /// Writes an amount.
    pub fn amount(&mut self, amount: Option<Amount>) {
        match amount.map(|amount| (amount, amount.safe_whole())) {
            None => self.number(f64::NAN),
            Some((_, Some(whole))) => self.words.push(whole as f64),
            Some((amount, None)) => self.text_behind(&amount.text()),
        }
    }

    /// Writes where a text is, which stands behind the answer.
    pub fn text_behind(&mut self, text: &str) {
        self.texts.push((self.words.len(), text.to_owned()));
        self.number(0);
    }

    /// Writes a text.
    pub fn text(&mut self, text: Option<&str>) {
        let Some(text) = text else { return self.number(f64::NAN) };
        self.words.push(text.len() as f64);
        let mut bytes = text.as_bytes();
        // Eight bytes are read in one step, of which six count.
        while let Some(eight) = bytes.first_chunk() {
            self.words.push((u64::from_le_bytes(*eight) & SIX_BYTES) as f64);
            bytes = bytes.get(BYTES..).unwrap_or_default();
        }
        for rest in bytes.chunks(BYTES) {
            self.words.push(rest.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte)) as f64);
        }
    }
}

/// Flags as bits, the first as 1.
pub fn bits_of(flags: &[bool]) -> u32 {
    flags.iter().rev().fold(0, |bits, flag| bits << 1 | u32::from(*flag))
}
