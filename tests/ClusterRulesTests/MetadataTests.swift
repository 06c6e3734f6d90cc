import ClusterRules
import KubeModel
import Testing

@Suite("Metadata")
struct MetadataTests {
    private func fields(_ metadata: String, _ type: ResourceType = .configMaps) throws -> [String] {
        let kind = try #require(BuiltinKinds.find(type))
        return MetadataRules.validate(
            ["metadata": try JSON(parsing: metadata)], old: nil, kind: kind
        ).map(\.field)
    }

    @Test(
        "finalizers of the core kinds are checked one by one, and have to be qualified",
        arguments: [
            (#"["not qualified"]"#, ["metadata.finalizers", "metadata.finalizers[0]"]),
            (#"["a.b/c","plain"]"#, ["metadata.finalizers[1]"]), (#"["kubernetes","orphan"]"#, []),
        ])
    func finalizers(list: String, wanted: [String]) throws {
        #expect(try fields(#"{"name":"a","namespace":"n","finalizers":\#(list)}"#) == wanted)
    }

    @Test("the parts of an owner are named without its place")
    func owners() throws {
        let text = #"{"name":"a","namespace":"n","ownerReferences":[{"kind":"Pod","name":"p"}]}"#
        #expect(try fields(text) == ["metadata.ownerReferences.apiVersion", "metadata.ownerReferences.uid"])
    }

    @Test("the metadata of embedded resources is read as metadata, whatever the schema says")
    func embedded() throws {
        let schema = try StructuralSchema(
            JSON(
                parsing:
                    #"{"type":"object","properties":{"all":{"type":"array","items":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true}},"one":{"type":"object","properties":{"deep":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true}}}}}"#
            ))
        let type = ResourceType("example.com", "v1", "labs", "Lab", isNamespaced: true)
        var object = try JSON(
            parsing:
                #"{"metadata":{"name":"x","odd":1},"all":[{"metadata":{"name":"y","odd":1},"free":1}],"one":{"deep":{"metadata":{"odd":1}}}}"#
        )
        let dropped = try EmbeddedMetadata.read(&object, kind: type, schema: schema)
        #expect(dropped == ["metadata.odd", "all[0].metadata.odd", "one.deep.metadata.odd"])
        #expect(
            try object
                == JSON(
                    parsing:
                        #"{"metadata":{"name":"x"},"all":[{"metadata":{"name":"y"},"free":1}],"one":{"deep":{"metadata":{}}}}"#
                ))
        var wrong = try JSON(parsing: #"{"metadata":{"labels":7}}"#)
        #expect(throws: APIError.self) { try EmbeddedMetadata.read(&wrong, kind: type, schema: schema) }
    }

    @Test("a null that the schema does not allow counts as not there")
    func nulls() throws {
        let schema = try StructuralSchema(
            JSON(
                parsing:
                    #"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string","nullable":true},"c":{"type":"string","default":"d"},"l":{"type":"array","items":{"type":"string"}}}}"#
            ))
        var object = try JSON(parsing: #"{"a":null,"b":null,"c":null,"l":[null]}"#)
        schema.dropNulls(&object)
        schema.applyDefaults(&object)
        #expect(try object == JSON(parsing: #"{"b":null,"c":"d","l":[null]}"#))
    }
}
