"""DenseNet, radiomics."""
