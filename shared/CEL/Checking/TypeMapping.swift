/// What the variables of generic signatures stand for, and which type can be used where another one is asked for.
struct TypeMapping {
    private var bound: [String: CELType] = [:]

    private func find(_ type: CELType) -> CELType? {
        guard case .parameter(let name) = type else { return nil }
        return bound[name]
    }

    /// True when the second type can be used where the first one is asked for; remembers what variables then stand for.
    mutating func assign(_ first: CELType, _ second: CELType) -> Bool {
        if first == second, !first.isParameter, first.parameters.isEmpty { return true }
        var trial = self
        guard trial.isAssignable(first, second) else { return false }
        self = trial
        return true
    }

    mutating func assign(_ first: [CELType], _ second: [CELType]) -> Bool {
        guard first.count == second.count else { return false }
        var trial = self
        guard trial.areAssignable(first, second) else { return false }
        self = trial
        return true
    }

    private mutating func areAssignable(_ first: [CELType], _ second: [CELType]) -> Bool {
        guard first.count == second.count else { return false }
        for (left, right) in zip(first, second) where !isAssignable(left, right) { return false }
        return true
    }

    private mutating func isAssignable(_ first: CELType, _ second: CELType) -> Bool {
        if second.isParameter {
            let (isValid, isKnown) = bind(second, to: first)
            if isValid { return true }
            if isKnown { return false }
        }
        if first.isParameter { return bind(first, to: second).isValid }
        if first.isDynOrError || second.isDynOrError { return true }
        if first == .null { return isNullable(second) }
        if second == .null { return isNullable(first) }
        switch (first, second) {
        case (.type, .type): return true
        case (.list(let left), .list(let right)): return isAssignable(left, right)
        case (.map(let leftKey, let left), .map(let rightKey, let right)):
            return isAssignable(leftKey, rightKey) && isAssignable(left, right)
        case (.opaque(let left, let leftTypes), .opaque(let right, let rightTypes)):
            return left == right && areAssignable(leftTypes, rightTypes)
        default: return first == second
        }
    }

    private func isNullable(_ type: CELType) -> Bool {
        switch type {
        case .null, .opaque, .structure, .duration, .timestamp: true
        default: false
        }
    }

    /// Lets a variable stand for a type, unless it stands for another one already.
    private mutating func bind(_ variable: CELType, to type: CELType) -> (isValid: Bool, isKnown: Bool) {
        if variable == type { return (true, true) }
        guard case .parameter(let name) = variable else { return (false, false) }
        if let known = bound[name] {
            if known == type { return (true, true) }
            guard isAssignable(type, known) else { return (false, true) }
            let general = Self.moreGeneral(type, known)
            if !occurs(variable, in: general) { bound[name] = general }
            return (true, true)
        }
        guard !occurs(variable, in: type) else { return (false, false) }
        bound[name] = type
        return (true, false)
    }

    private func occurs(_ variable: CELType, in type: CELType) -> Bool {
        if variable == type { return true }
        if type.isParameter { return find(type).map { occurs(variable, in: $0) } ?? false }
        return type.parameters.contains { occurs(variable, in: $0) }
    }

    /// The type with variables replaced by what they stand for, free ones by `dyn` if wanted.
    func resolve(_ type: CELType, freeAsDyn: Bool = false) -> CELType {
        if let known = find(type) { return resolve(known, freeAsDyn: freeAsDyn) }
        switch type {
        case .parameter: return freeAsDyn ? .dyn : type
        case .list(let element): return .list(resolve(element, freeAsDyn: freeAsDyn))
        case .map(let key, let value):
            return .map(resolve(key, freeAsDyn: freeAsDyn), resolve(value, freeAsDyn: freeAsDyn))
        case .opaque(let name, let parameters):
            return .opaque(name, parameters.map { resolve($0, freeAsDyn: freeAsDyn) })
        case .type(let parameter?): return .type(resolve(parameter, freeAsDyn: freeAsDyn))
        default: return type
        }
    }

    /// The one that takes in the other.
    static func moreGeneral(_ first: CELType, _ second: CELType) -> CELType {
        isEqualOrLessSpecific(first, second) ? first : second
    }

    private static func isEqualOrLessSpecific(_ first: CELType, _ second: CELType) -> Bool {
        if first == .dyn || first.isParameter { return true }
        if second == .dyn || second.isParameter { return false }
        switch (first, second) {
        case (.type, .type): return true
        case (.list, .list), (.map, .map):
            return zip(first.parameters, second.parameters).allSatisfy(isEqualOrLessSpecific)
        case (.opaque(let left, let leftTypes), .opaque(let right, let rightTypes)):
            return left == right && leftTypes.count == rightTypes.count
                && zip(leftTypes, rightTypes).allSatisfy(isEqualOrLessSpecific)
        default: return first == second
        }
    }
}
