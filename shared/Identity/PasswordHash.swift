import COpenSSL

/// A password as it is kept: scrypt (RFC 7914) with a salt of its own, in the text form `$scrypt$ln=15,r=8,p=3$salt$key`.
///
/// Making or checking one takes 32 MiB and some tenths of a second on purpose: keep it off event loops.
public struct PasswordHash: Sendable {
    /// Lengths of passwords, in bytes of UTF-8, that are taken.
    public static let lengths = 8...1024

    private static let cost = Parameters(log2N: 15, blockSize: 8, lanes: 3)

    private struct Parameters {
        var log2N: UInt64
        var blockSize: UInt64
        var lanes: UInt64
    }

    private let parameters: Parameters
    private let salt: [UInt8]
    private let key: [UInt8]

    /// Hashes a password with a new salt; nil when the memory for that is not there.
    public init?(password: String) {
        parameters = Self.cost
        salt = Secrets.random(16)
        guard let key = Self.derive(password, salt: salt, parameters) else { return nil }
        self.key = key
    }

    /// Reads the text form; nil when it is none, or asks for absurd work.
    public init?(text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt", let salt = Base64URL.decode(parts[3]),
            let key = Base64URL.decode(parts[4]), (8...64).contains(salt.count), (16...64).contains(key.count)
        else { return nil }
        var numbers: [Substring: UInt64] = [:]
        for field in parts[2].split(separator: ",") {
            let pair = field.split(separator: "=")
            guard pair.count == 2, let number = UInt64(pair[1]) else { return nil }
            numbers[pair[0]] = number
        }
        guard let log2N = numbers["ln"], (10...20).contains(log2N), let blockSize = numbers["r"],
            (1...16).contains(blockSize), let lanes = numbers["p"], (1...16).contains(lanes)
        else { return nil }
        parameters = Parameters(log2N: log2N, blockSize: blockSize, lanes: lanes)
        (self.salt, self.key) = (salt, key)
    }

    /// The text form.
    public var text: String {
        "$scrypt$ln=\(parameters.log2N),r=\(parameters.blockSize),p=\(parameters.lanes)$\(Base64URL.encode(salt))$"
            + Base64URL.encode(key)
    }

    /// True when the password is the one that was hashed; takes as long when it is not.
    public func matches(_ password: String) -> Bool {
        guard password.utf8.count <= Self.lengths.upperBound,
            let derived = Self.derive(password, salt: salt, parameters, length: key.count)
        else { return false }
        return Secrets.areEqual(derived, key)
    }

    private static func derive(
        _ password: String, salt: [UInt8], _ parameters: Parameters, length: Int = 32
    ) -> [UInt8]? {
        var key = [UInt8](repeating: 0, count: length)
        let bytes = password.utf8.map { CChar(bitPattern: $0) }
        let limit = 256 * (parameters.blockSize << parameters.log2N)
        let status = EVP_PBE_scrypt(
            bytes, bytes.count, salt, salt.count, 1 << parameters.log2N, parameters.blockSize, parameters.lanes, limit,
            &key, length)
        return status == 1 ? key : nil
    }
}
