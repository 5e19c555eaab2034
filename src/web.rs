//! The files of `web/`, which are embedded in the program: the listeners' page and the console. `build/web.rs`
//! makes the list.

/// A file, with its bytes as they are and compressed by gzip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WebFile {
    /// Its path below `web/`: `page/page.css`.
    name: &'static str,
    pub(crate) bytes: &'static [u8],
    pub(crate) gzip: &'static [u8],
}

const FILES: &[WebFile] = include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// The files of this folder of `web/`.
pub(crate) fn files_of(folder: &str) -> impl Iterator<Item = &'static WebFile> {
    FILES.iter().filter(move |file| file.name.split_once('/').is_some_and(|(of, _)| of == folder))
}

impl WebFile {
    /// Its name within its folder.
    pub(crate) fn name(&self) -> &'static str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }

    /// Its content type, by its name.
    pub(crate) fn content_type(&self) -> &'static str {
        content_type(self.name).expect("a test has looked")
    }

    /// A document or a template as text.
    pub(crate) fn text(&self) -> &'static str {
        std::str::from_utf8(self.bytes).expect("a test has looked")
    }
}

/// The content type of what may be on a web page, by the end of its name.
pub(crate) fn content_type(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    Some(match end.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_is_embedded_is_known_by_its_name_and_is_the_same_when_it_is_compressed() {
        assert!(files_of("page").count() > 0);
        for file in FILES {
            assert!(content_type(file.name).is_some(), "{}", file.name);
            let mut plain = Vec::new();
            GzDecoder::new(file.gzip).read_to_end(&mut plain).unwrap();
            assert!(plain == file.bytes, "{}", file.name);
            assert!(!file.content_type().starts_with("text/") || !file.text().is_empty(), "{}", file.name);
        }
    }
}
