//! [`Octets`]: immutable bytes that cost no allocation while they are few.

use bytes::Bytes;

/// As many bytes stand in the value itself, which is no larger for it.
pub const INLINE_LEN_MAX: usize = 22;

/// Immutable bytes: few of them in place, more of them shared. Counters, ids and flags, which many messages consist of, travel
/// between threads without an allocation that one thread makes and another gives back.
#[derive(Clone)]
pub(crate) enum Octets {
    Inline { len: u8, bytes: [u8; INLINE_LEN_MAX] },
    Shared(Bytes),
}

impl Octets {
    pub(crate) const EMPTY: Self = Self::Inline { len: 0, bytes: [0; INLINE_LEN_MAX] };

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            Self::Shared(bytes) => bytes,
        }
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        match self {
            Self::Inline { .. } => Bytes::copy_from_slice(self.as_slice()),
            Self::Shared(bytes) => bytes.clone(),
        }
    }

    fn inline(slice: &[u8]) -> Option<Self> {
        let mut bytes = [0; INLINE_LEN_MAX];
        bytes.get_mut(..slice.len())?.copy_from_slice(slice);
        Some(Self::Inline { len: u8::try_from(slice.len()).ok()?, bytes })
    }
}

impl From<&[u8]> for Octets {
    fn from(slice: &[u8]) -> Self {
        Self::inline(slice).unwrap_or_else(|| Self::Shared(Bytes::copy_from_slice(slice)))
    }
}

impl From<Bytes> for Octets {
    fn from(bytes: Bytes) -> Self {
        // A few bytes of a large buffer do not keep it.
        Self::inline(&bytes).unwrap_or(Self::Shared(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_every_length_come_back() {
        for len in 0..64 {
            let all: Vec<u8> = (0..len).collect();
            for octets in [Octets::from(all.as_slice()), Octets::from(Bytes::from(all.clone()))] {
                assert_eq!((octets.as_slice(), &octets.to_bytes()[..]), (all.as_slice(), all.as_slice()));
                assert_eq!(matches!(octets, Octets::Inline { .. }), all.len() <= INLINE_LEN_MAX);
            }
        }
    }

    #[test]
    fn few_bytes_in_place_make_the_value_no_larger() {
        assert_eq!(size_of::<Octets>(), size_of::<Bytes>());
    }
}
