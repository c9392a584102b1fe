//! How requests and responses lie in memory: the length of the JSON in four bytes (little-endian), the JSON, then bytes that it
//! mentions one after the other.

use serde_json::Value;

/// JSON, and the bytes that it mentions.
pub struct Envelope {
    /// What is said.
    pub json: Value,
    /// What follows.
    pub bytes: Vec<u8>,
}

impl Envelope {
    /// Reads one.
    ///
    /// # Errors
    /// In words: it is damaged.
    pub fn read(from: &[u8]) -> Result<Envelope, String> {
        let (length, rest) = from.split_first_chunk().ok_or("the request has no length")?;
        let length = u32::from_le_bytes(*length) as usize;
        let (json, bytes) = rest.split_at_checked(length).ok_or("the request is shorter than it says")?;
        let json = serde_json::from_slice(json).map_err(|error| format!("the request is not JSON: {error}"))?;
        Ok(Envelope { json, bytes: bytes.to_vec() })
    }

    /// Writes it.
    pub fn write(&self) -> Vec<u8> {
        let json = self.json.to_string();
        let mut to = Vec::with_capacity(4 + json.len() + self.bytes.len());
        to.extend_from_slice(&(json.len() as u32).to_le_bytes());
        to.extend_from_slice(json.as_bytes());
        to.extend_from_slice(&self.bytes);
        to
    }
}

impl From<Value> for Envelope {
    fn from(json: Value) -> Envelope {
        Envelope { json, bytes: Vec::new() }
    }
}
