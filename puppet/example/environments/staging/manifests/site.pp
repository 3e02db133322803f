# No node lines: rolecall says which classes a node has, and under which variables.
File {
  backup => false,
}
