/// What decides whether the users of a container are the host's or its own.
struct ContainerUsers {
    /// `hostUsers` of the pod.
    let asked: Bool?
    /// As whom its first process runs.
    let uid: UInt32
    let gid: UInt32
    /// True when its files are those of an image, which have any owners.
    let isImage: Bool
    /// True when `uid` is the user that the platform runs as.
    let isPlatform: Bool
    /// True where only a user namespace bounds how many processes the container can have.
    var needsBound = false

    /// True when they are its own: root, the platform's user and all users of images are never the host's, unless
    /// `hostUsers: true` asks for it and the node permits it. Where the kernel cannot shift the owners of files, root of
    /// an environment, whose files are known, stays root.
    ///
    /// - Parameters:
    ///   - permitsHost: whether the node gives the host's users to who asks for them.
    ///   - isOffered: whether the file system of the data directory can shift owners.
    ///   - directory: the data directory.
    /// - Returns: whether they are.
    /// - Throws: ``ContainerConfigError`` when they have to be its own and cannot.
    func areOwn(permitsHost: Bool, isOffered: Bool, on directory: String) throws -> Bool {
        if asked == true, permitsHost { return false }
        guard asked == false || uid == 0 || isPlatform || isImage || needsBound else { return false }
        if isImage, uid >= UserShift.count || gid >= UserShift.count {
            throw ContainerConfigError("users and groups of images have numbers below 65536 on this node")
        }
        guard isOffered else {
            if asked == nil, !isPlatform, !isImage { return false }
            throw ContainerConfigError(
                "users of its own need mounts with mapped owners, which the file system of \(directory) does not offer",
                reason: "CreateContainerError")
        }
        return true
    }
}
