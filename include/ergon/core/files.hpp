#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ergon {

/// Whole file as bytes. Throws InvalidInput naming the path and the reason.
std::string read_file(const std::string& path);

/// Writes the whole file to a temporary name in the same folder, flushes it to disk and renames it
/// over `path`: a reader sees the old file or the new one, never half of one. On failure (read-only
/// folder, full disk) removes the temporary file and throws InvalidInput naming the path and the
/// reason. A device or a pipe (/dev/stdout) is written to directly.
void write_file(const std::string& path, std::string_view bytes);

/// The same for a file that is the concatenation of `pieces`, which are not copied.
void write_file(const std::string& path, const std::vector<std::string_view>& pieces);

/// Creates a folder and its parents. Throws InvalidInput naming the path and the reason.
void make_folder(const std::string& path);

/// Throws InvalidInput unless a file can be created in the folder (which is created when missing):
/// asked before work starts, so that a long run does not end at a read-only folder.
void require_writable_folder(const std::string& path);

bool file_exists(const std::string& path);

}  // namespace ergon
