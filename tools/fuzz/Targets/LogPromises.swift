import ClusterStore
import Foundation
import KubeModel
import Synchronization

/// A damaged log is recovered up to the damage or refused; never does it hold an object that was not written.
///
/// The first byte of an input says what the rest is: a whole segment, records in a frame whose checksums are right, or
/// changes to a log that is known (place u16, byte u8, ...).
enum LogPromises {
    private static let name = "log-00000000000000000001"
    private static let headerSize = 48
    private static let changes = 12

    static func complaint(about input: [UInt8]) -> String? {
        guard let kind = input.first else { return nil }
        let rest = input.dropFirst()
        switch kind % 3 {
        case 0: return read(Array(rest), known: nil)
        case 1: return read(segment([framed(Array(rest), before: 1, last: 2)]), known: nil)
        default: return read(changed(rest), known: changes)
        }
    }

    // MARK: Logs

    /// A log of some changes, each a frame of its own.
    private static let known: [UInt8] = segment(
        (0..<changes).map { number in framed(record(number), before: UInt64(number + 1), last: UInt64(number + 2)) })

    private static func changed(_ edits: ArraySlice<UInt8>) -> [UInt8] {
        var bytes = known
        var rest = edits
        while rest.count >= 3 {
            let edit = Array(rest.prefix(3))
            rest = rest.dropFirst(3)
            let place = (Int(edit[0]) << 8 | Int(edit[1])) % max(1, bytes.count)
            switch edit[2] {
            case 0: bytes.removeSubrange(place...)
            case 1: bytes.insert(contentsOf: bytes.prefix(place / 2), at: place)
            case 2: bytes.removeSubrange(place..<min(place + 7, bytes.count))
            default: if bytes.indices.contains(place) { bytes[place] ^= edit[2] }
            }
            if bytes.isEmpty || bytes.count > 1 << 20 { break }
        }
        return bytes
    }

    private static func record(_ number: Int) -> [UInt8] {
        let revision = UInt64(number + 2)
        let head = #"{"kind":"ConfigMap","metadata":{"name":"object-\#(number)","resourceVersion":""#
        let text = head + #"\#(revision)"},"data":{"value":"value-\#(number)"}}"#
        var bytes: [UInt8] = [1]
        bytes += little(revision) + little(UInt32(head.utf8.count))
        for part in ["configmaps", "default", "object-\(number)", "uid-\(number)"] {
            bytes += counted(Array(part.utf8))
        }
        bytes += little(UInt32(0))
        return bytes + counted(Array(text.utf8))
    }

    private static func segment(_ frames: [[UInt8]]) -> [UInt8] {
        var bytes = Array("MARTLETL".utf8) + little(UInt32(1)) + little(UInt32(headerSize))
        for field in [1, 0, 1] as [UInt64] { bytes += little(field) }
        bytes += little(bytes.withUnsafeBytes(Checksum.of))
        for frame in frames { bytes += frame }
        return bytes
    }

    private static func framed(_ payload: [UInt8], before: UInt64, last: UInt64) -> [UInt8] {
        var bytes = little(UInt32(0x4752_464D)) + little(UInt32(payload.count)) + little(UInt32(1)) + little(UInt32(1))
        bytes += little(before) + little(last) + little(payload.withUnsafeBytes(Checksum.of))
        bytes += little(bytes.withUnsafeBytes(Checksum.of))
        return bytes + payload + [0xA5]
    }

    private static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    private static func counted(_ bytes: [UInt8]) -> [UInt8] { little(UInt32(bytes.count)) + bytes }

    // MARK: Reading

    private static let folder: String = {
        let root = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        return "\(root)/fuzz-log-\(getpid())"
    }()
    private static let lock = Mutex(())

    private static func read(_ bytes: [UInt8], known: Int?) -> String? {
        lock.withLock { _ in
            try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let file = "\(folder)/\(name)"
            guard FileManager.default.createFile(atPath: file, contents: Data(bytes)) else { return nil }
            let export: StoreExport
            do throws(StoreError) {
                export = try StoreExport(readingFrom: folder, isInUse: false)
            } catch {
                guard case .corrupt(let path, let offset, _) = error else {
                    if case .newerFormat = error { return nil }
                    return "refused without a place: \(error)"
                }
                return path == file && (0...bytes.count).contains(offset) ? nil : "refused at \(path), byte \(offset)"
            }
            guard FileManager.default.contents(atPath: file) == Data(bytes) else { return "reading changed the file" }
            return complaint(about: export, in: bytes, known: known)
        }
    }

    private static func complaint(about export: StoreExport, in bytes: [UInt8], known: Int?) -> String? {
        guard let known else { return nil }
        var copy = export
        var names: Set<String> = []
        var complaint: String?
        _ = try? copy.change("configmaps") { object in
            let name = object.value(at: "metadata", "name")?.string ?? ""
            let number = Int(name.dropFirst("object-".count)) ?? -1
            names.insert(name)
            if object.value(at: "data", "value")?.string != "value-\(number)" || !(0..<known).contains(number) {
                complaint = "an object was invented: \(object.text)"
            }
            return nil
        }
        if let complaint { return complaint }
        guard names.count == export.count, names == Set((0..<export.count).map { "object-\($0)" }) else {
            return "\(export.count) objects are no beginning of the log"
        }
        return export.revision == UInt64(export.count + 1)
            ? nil : "revision \(export.revision) with \(export.count) objects"
    }
}
