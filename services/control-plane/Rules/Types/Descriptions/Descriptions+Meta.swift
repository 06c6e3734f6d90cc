extension Descriptions {
    /// What all objects share.
    static let metaTexts = """
        meta/v1.ObjectMeta Name, labels and what else every object has.
        meta/v1.ObjectMeta.name Tells the object apart from others of its kind in the namespace; it cannot be changed.
        meta/v1.ObjectMeta.generateName How a name begins that the server completes when no name is given.
        meta/v1.ObjectMeta.namespace The namespace that the object lives in.
        meta/v1.ObjectMeta.uid Tells the object apart from all others, also from later ones of the same name.
        meta/v1.ObjectMeta.resourceVersion Changes with every change; send it back to change only what you have read.
        meta/v1.ObjectMeta.generation Counts the changes of what is wanted.
        meta/v1.ObjectMeta.creationTimestamp When the object was made.
        meta/v1.ObjectMeta.deletionTimestamp When the object is to be gone; set by the server once somebody deletes it.
        meta/v1.ObjectMeta.deletionGracePeriodSeconds Seconds that it gets to end by itself.
        meta/v1.ObjectMeta.labels Short texts by which objects are chosen.
        meta/v1.ObjectMeta.annotations Texts that programs leave with the object.
        meta/v1.ObjectMeta.ownerReferences Objects that this one goes with: when all are gone it is deleted.
        meta/v1.ObjectMeta.finalizers Names of what has to be done before the object may go.
        meta/v1.ObjectMeta.managedFields Who last set which fields.
        meta/v1.ObjectMeta.selfLink No longer used.
        meta/v1.ListMeta What every list has.
        meta/v1.ListMeta.continue Asks for the next page when it is sent back.
        meta/v1.ListMeta.remainingItemCount How many objects the pages after this one have.
        meta/v1.ListMeta.resourceVersion The state that the list shows; watches go on from it.
        meta/v1.OwnerReference An object that another one belongs to, in the same namespace or without one.
        meta/v1.OwnerReference.controller True for the one owner that looks after the object.
        meta/v1.OwnerReference.blockOwnerDeletion True when the owner may only go after this object.
        meta/v1.ManagedFieldsEntry Fields that one program set in one way.
        meta/v1.ManagedFieldsEntry.manager The program.
        meta/v1.ManagedFieldsEntry.operation How: Apply or Update.
        meta/v1.LabelSelector Chooses objects by their labels; an empty one chooses all.
        meta/v1.LabelSelectorRequirement One requirement on a label.
        meta/v1.LabelSelectorRequirement.key The label.
        meta/v1.LabelSelectorRequirement.operator In, NotIn, Exists or DoesNotExist.
        meta/v1.LabelSelectorRequirement.values Values for In and NotIn.
        meta/v1.Condition Something that is true of an object, is not, or is unknown.
        meta/v1.Condition.type What it is about.
        meta/v1.Condition.status True, False or Unknown.
        meta/v1.Status How a request ended.
        meta/v1.DeleteOptions How an object is to be deleted.
        meta/v1.DeleteOptions.gracePeriodSeconds Seconds that it gets to end by itself; 0 ends it at once.
        meta/v1.DeleteOptions.propagationPolicy What becomes of objects that it owns: Orphan, Background or Foreground.
        meta/v1.DeleteOptions.preconditions What has to hold for the deletion to happen.

        """
}
