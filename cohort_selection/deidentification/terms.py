"""Terms that a copy may hold for each attribute: those of the standard.

A term is read in any case and written in the standard's capitals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one attribute.

    ``several``: each of at most so many values must be a term. ``gathered``: of a set of values
    those that are terms stay. ``instead`` stands where none is known; without it the attribute
    goes, or stays empty where ``emptied``.
    """

    known: re.Pattern[str]
    several: int = 1
    gathered: bool = False
    instead: str | None = None
    emptied: bool = False

    def clean(self, texts: Sequence[str]) -> list[str] | None:
        """The values in the standard's capitals; None where they are not its terms."""
        upper = [" ".join(text.upper().split()) for text in texts]
        if self.gathered:
            upper = [text for text in dict.fromkeys(upper) if self.known.fullmatch(text)]
            if upper:
                return upper
        elif len(upper) <= self.several and all(map(self.known.fullmatch, upper)):
            return upper
        return [self.instead] if self.instead is not None else None


class ImageTypes:
    """What kind of image, in its places (PS3.3 C.7.6.1.1.2): a place's unknown word is replaced."""

    def clean(self, texts: Sequence[str]) -> list[str] | None:
        """The values in their places, at most eight."""
        upper = [" ".join(text.upper().split()) for text in texts[:_MOST_PLACES]]
        cleaned = [
            word if place.fullmatch(word) else instead
            for word, (place, instead) in zip(upper, _PLACES, strict=False)
        ]
        while len(cleaned) > _FIXED_PLACES and cleaned[-1] == _OTHER:
            cleaned.pop()  # a word of the maker's own says nothing any more
        return cleaned


def _terms(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _single(patterns: Mapping[str, str], *, emptied: bool = False) -> dict[str, Terms]:
    """Attributes of one value each."""
    return {
        keyword: Terms(_terms(pattern), emptied=emptied) for keyword, pattern in patterns.items()
    }


_OTHER = "OTHER"
_KINDS_OF_IMAGE = (
    "|AXIAL|LOCALIZER|VOLUME|OTHER|NONE|MIXED|M|P|R|I|M_SE|M_FFE|M_IR|PHASE|MAGNITUDE|REAL|"
    "IMAGINARY|PHASE MAP|IMAGE ADDITION|MODULUS SUBTRACT|MPR|MIP|MINIP|MNIP|REFORMATTED|AVERAGE|"
    "DENSITY MAP|DIFFUSION MAP|DIFFUSION|DIFFUSION ANISO|ADC|TRACE|TRACEW|FA|EXPONENTIAL|"
    "PROJECTION IMAGE|SPIN ECHO|STIR|T1|T2|T1 MAP|T2 MAP|T2 STAR MAP|T2_STAR|PROTON DENSITY MAP|"
    "PROTON_DENSITY|STRAIN MAP|TEMPERATURE MAP|VELOCITY MAP|METABOLITE MAP|PERFUSION|RCBF|RCBV|"
    "MTT|TTP|TMAX|ANGIO|ANGIO_TIME|CARDIAC|CARDIAC_GATED|CARDRESP_GATED|DYNAMIC|FLUOROSCOPY|"
    "MOTION|RESP_GATED|REST|STATIC|STRESS|WHOLE_BODY|FLOW_ENCODED|FLUID_ATTENUATED|TAGGING|TOF|"
    "WATER|FAT|IN_PHASE|OUT_PHASE|IN PHASE|OUT OF PHASE|W|F|IP|OP|ND|NORM|DIS2D|DIS3D|MOSAIC|"
    "FM|FM1|FM2|MFSPLIT|SINGLE PLANE|BIPLANE A|BIPLANE B|POST_CONTRAST|SUBTRACT|SUBTRACTION|"
    "ADDITION|DIVISION|MASKED|MAXIMUM|MEAN|MINIMUM|MEDIAN|STD_DEVIATION|MULTIPLICATION|RESAMPLED|"
    "FILTERED|VRT|CSA|EMISSION|TRANSMISSION|TOMO|WHOLE BODY|GATED|RECON TOMO|GATED TOMO|"
    "RECON GATED TOMO|TOMOSYNTHESIS|GENERATED_2D|MOLECULAR BREAST IMAGING|SINGLE_A|SINGLE_B|"
    "ABDOMINAL|BREAST|CHEST|ENDOCAVITARY|ENDORECTAL|ENDOVAGINAL|EPICARDIAL|FETAL HEART|"
    "GENERAL|GYNECOLOGY|INTRACARDIAC|INTRAOPERATIVE|INTRAVASCULAR|LAPAROSCOPIC|MUSCULOSKELETAL|"
    "NEONATAL HEAD|OBSTETRICAL|OPHTHALMIC|PEDIATRIC|PELVIC|RETROPERITONEAL|SCROTAL|SMALL PARTS|"
    "TCD|THYROID|TRANSESOPHAGEAL|TRANSTHORACIC|TTE|VASCULAR|VENOUS|"
    # Digital radiography and radiotherapy
    "PORTAL|SIMULATOR|RADIOGRAPH|BLANK|DRR|COMBINED|ENERGY_PROP_WT|WEIGHTED|MULTIENERGY|"
    "MONOENERGETIC|MATERIAL|VIRTUAL|MONO_ENERGETIC|DUAL ENERGY|"
    # What one ultrasound image shows at once: a sum of bits
    "0[0-9A-F]{3}"
)
_MOST_PLACES = 8
_FIXED_PLACES = 4
_PLACES = (
    (_terms("ORIGINAL|DERIVED|MIXED"), "DERIVED"),
    (_terms("PRIMARY|SECONDARY|MIXED"), "PRIMARY"),
    *((_terms(_KINDS_OF_IMAGE), _OTHER),) * (_MOST_PLACES - 2),
)

_MODALITIES = (
    "ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DMS DG DOC DX ECG EEG EMG EOG EPS ES FID GM "
    "HC HD IO IOL IVOCT IVUS KER KO LEN LS M3D MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS "
    "OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN "
    "RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA XA XAPROTOCOL XC "
    # Retired ones, which old files still have
    "AS CD CF CP CS DD DF DM DS EC FA FS LP MA MS OPR ST VF"
)
_BODY = (
    "ABD|ABDOMEN|ADRENAL|ANKLE|AORTA|ARM|AXILLA|BACK|BLADDER|BODY|BONE|BRAIN|BREAST|BRONCHUS|BUTTOCK|"
    "CALCANEUS|CAROTID|CEREBELLUM|CHEST|CLAVICLE|COCCYX|COLON|CORNEA|CSPINE|CTSPINE|DUODENUM|EAR|"
    "ELBOW|ESOPHAGUS|EXTREMITY|EYE|EYELID|FACE|FEMUR|FIBULA|FINGER|FOOT|FOREARM|GALLBLADDER|HAND|"
    "HEAD|HEART|HIP|HUMERUS|IAC|ILEUM|ILIUM|JAW|JEJUNUM|JOINT|KIDNEY|KNEE|LARYNX|LEG|LIVER|LOWER|"
    "LSPINE|LSSPINE|LUNG|MANDIBLE|MAXILLA|MEDIASTINUM|MOUTH|NECK|NOSE|ORBIT|OVARY|PANCREAS|"
    "PAROTID|PATELLA|PELVIS|PENIS|PHANTOM|PHARYNX|PORTABLE|PROSTATE|RADIUS|RECTUM|RETINA|RIB|RIBS|"
    "SACRUM|SCALP|SCAPULA|SCROTUM|SHOULDER|SIJOINT|SINUS|SKULL|SPINE|SPLEEN|SSPINE|STERNUM|"
    "STOMACH|TAIL|TESTIS|THIGH|THORAX|THUMB|THYMUS|THYROID|TIBIA|TLSPINE|TMJ|TOE|TONGUE|TRACHEA|"
    "TSPINE|ULNA|UPPER|URETER|URETHRA|UTERUS|VAGINA|VULVA|WHOLEBODY|WRIST|ZYGOMA|LEFT|RIGHT|"
    "BILATERAL|AND"
)
_UNITS = "HU|HU_MOD|OD|US|MGML|PCT|Z_EFF|ED|EDW"
_YES_NO = "YES|NO"
_VOLUME_CALCULATIONS = "NONE|MAX_IP|MIN_IP|VOLUME_RENDER|SURFACE_RENDER|MPR|CURVED_MPR|MIXED"

TERMS: dict[str, Terms | ImageTypes] = {
    "ImageType": ImageTypes(),
    # A modality that the standard does not know is "other".
    "Modality": Terms(re.compile(_MODALITIES.replace(" ", "|")), instead="OT"),
    "RescaleType": Terms(_terms(_UNITS), instead="US"),  # "US" is: not specified
    "ScanningSequence": Terms(_terms("SE|IR|GR|EP|RM"), gathered=True, instead="RM"),
    "SequenceVariant": Terms(
        _terms("SK|MTC|SS|TRSS|SP|MP|OSP|NONE"), gathered=True, instead="NONE"
    ),
    "ScanOptions": Terms(
        _terms(
            "PER|RG|CG|PPG|FC|PFF|PFP|SP|FS|CT|NONE|AXIAL MODE|HELICAL MODE|SCOUT MODE|"
            "CINE MODE|AXIAL|HELICAL|SPIRAL"
        ),
        gathered=True,
        emptied=True,
    ),
    "CorrectedImage": Terms(
        _terms("DECY|ATTN|SCAT|DTIM|MOTN|PMOT|CLN|RAN|RADL|DCAL|NORM"),
        gathered=True,
        emptied=True,
    ),
    "SeriesType": Terms(_terms("STATIC|DYNAMIC|GATED|WHOLE BODY|IMAGE|REPROJECTION"), several=2),
    "PatientOrientation": Terms(_terms("[LRAPHF]{0,3}|FRONT|BACK"), several=2, emptied=True),
    "LossyImageCompressionMethod": Terms(_terms("ISO_[0-9_]{4,8}"), several=8),
    "ImageLaterality": Terms(_terms("[RLUB]"), emptied=True),
    "Laterality": Terms(_terms("[RL]"), emptied=True),
    "BodyPartExamined": Terms(_terms(rf"({_BODY})([ _]?({_BODY})){{0,3}}")),
    **_single(
        {
            "ViewPosition": (
                "AP|PA|LL|RL|LLD|RLD|LLO|RLO|LAT|LATERAL|CC|MLO|ML|LM|LMO|SIO|ISO|FB|XCC|XCCL|XCCM|AT|"
                "CV|TAN|AP SUPINE|AP ERECT|RAO|LAO|RPO|LPO"
            ),
            "PatientPosition": "(HF|FF|LF|RF|AF|PF)(P|S|DR|DL)|SITTING|AP|PA|LL|RL",
            "PhotometricInterpretation": (
                "MONOCHROME[12]|PALETTE COLOR|RGB|YBR_(FULL|FULL_422|PARTIAL_42[02]|ICT|RCT)|XYB"
            ),
            "VOILUTFunction": "LINEAR|LINEAR_EXACT|SIGMOID",
            "PixelIntensityRelationship": "LIN|LOG|DISP",
            "PresentationLUTShape": "IDENTITY|INVERSE",
            "LossyImageCompression": "0[01]",
            "BurnedInAnnotation": _YES_NO,
            "PresentationIntentType": "FOR (PRESENTATION|PROCESSING)",
            "ConversionType": "DV|DI|DF|WSD|SD|SI|DRW|SYN",
            "OrganExposed": "BREAST",
            "BreastImplantPresent": _YES_NO,
            "PartialView": _YES_NO,
            "RadiationSetting": "SC|GR",
            "MRAcquisitionType": "2D|3D",
            # Enhanced images
            "PixelPresentation": "MONOCHROME|COLOR|MIXED|TRUE_COLOR",
            "VolumetricProperties": "VOLUME|SAMPLED|DISTORTED|MIXED",
            "VolumeBasedCalculationTechnique": _VOLUME_CALCULATIONS,
            "ContentQualification": "PRODUCT|RESEARCH|SERVICE",
            "DimensionOrganizationType": "3D|3D_TEMPORAL|TILED_FULL|TILED_SPARSE",
            "DiffusionDirectionality": "DIRECTIONAL|BMATRIX|ISOTROPIC|NONE",
            "ComplexImageComponent": "MAGNITUDE|PHASE|REAL|IMAGINARY|MIXED",
            "AcquisitionContrast": (
                "DIFFUSION|FLOW_ENCODED|FLUID_ATTENUATED|PERFUSION|PROTON_DENSITY|STIR|TAGGING|T1|T2|"
                "T2_STAR|TOF|UNKNOWN|MIXED"
            ),
            # The pulse sequence of an enhanced magnetic resonance image
            "ResonantNucleus": "1H|3HE|7LI|13C|19F|23NA|31P|129XE",
            "KSpaceFiltering": (
                "COSINE|COSINE_SQUARED|FERMI|GAUSSIAN|HAMMING|HANNING|LORENTZIAN|LRNTZ_GSS_TRNSFM|"
                "RIESZ|TUKEY|USER_DEFINED|NONE"
            ),
            "ApplicableSafetyStandardAgency": "IEC|FDA|MHW",
            "EchoPulseSequence": "SPIN|GRADIENT|BOTH",
            "MultipleSpinEcho": _YES_NO,
            "MultiPlanarExcitation": _YES_NO,
            "PhaseContrast": _YES_NO,
            "TimeOfFlightContrast": _YES_NO,
            "ArterialSpinLabelingContrast": "CONTINUOUS|PSEUDOCONTINUOUS|PULSED|NONE",
            "SteadyStatePulseSequence": (
                "FREE_PRECESSION|TRANSVERSE|TIME_REVERSED|LONGITUDINAL|NONE"
            ),
            "EchoPlanarPulseSequence": _YES_NO,
            "SaturationRecovery": _YES_NO,
            "SpectrallySelectedSuppression": "FAT|WATER|FAT_AND_WATER|SILICON_GEL|NONE",
            "OversamplingPhase": "2D|3D|2D_3D|NONE",
            "GeometryOfKSpaceTraversal": "RECTILINEAR|RADIAL|SPIRAL",
            "SegmentedKSpaceTraversal": "SINGLE|PARTIAL|FULL",
            "RectilinearPhaseEncodeReordering": (
                "LINEAR|CENTRIC|SEGMENTED|REVERSE_LINEAR|REVERSE_CENTRIC"
            ),
            "CoverageOfKSpace": "FULL|CYLINDRICAL|ELLIPSOIDAL|WEIGHTED",
            # A photograph of the eye
            "SynchronizationTrigger": "SOURCE|EXTERNAL|PASSTHRU|NO TRIGGER",
            "AcquisitionTimeSynchronized": "Y|N",
            "PupilDilated": _YES_NO,
            # An image of radiotherapy
            "ReportedValuesOrigin": "OPERATOR|PLAN|ACTUAL",
            "RTImagePlane": "NORMAL|NON_NORMAL",
            # Positron emission
            "Units": (
                "CNTS|NONE|CM2|CM2ML|PCNT|CPS|BQML|MGMINML|UMOLMINML|MLMING|MLG|1CM|UMOLML|PROPCNTS|"
                "PROPCPS|MLMINML|MLML|GML|STDDEV"
            ),
            "CountsSource": "EMISSION|TRANSMISSION",
            "DecayCorrection": "NONE|START|ADMIN",
            "CollimatorType": "NONE|RING",
        }
    ),
    # What the standard wants present, and lets be empty
    **_single(
        {
            "DetectorType": "DIRECT|SCINTILLATOR|STORAGE|FILM|CCD|CMOS",
            "PositionerType": "CARM|COLUMN|MAMMOGRAPHIC|PANORAMIC|CEPHALOSTAT|RIGID|NONE",
            "PositionerMotion": "STATIC|DYNAMIC",
        },
        emptied=True,
    ),
}
"""The terms of every attribute of codes that a copy keeps."""

TERMS_WITHIN_ITEMS: dict[str, Terms | ImageTypes] = {
    "FrameType": ImageTypes(),
    "FrameLaterality": Terms(_terms("[RLUB]|MIXED"), instead="U"),
    "ModalityLUTType": Terms(_terms(_UNITS), instead="US"),
    "ExposureModulationType": Terms(
        _terms("NONE|ANGULAR|LONGITUDINAL|ECG_BASED|ORGAN_BASED|ALTERNATING"),
        several=4,
        emptied=True,
    ),
    "FilterMaterial": Terms(
        _terms(
            "MOLYBDENUM|ALUMINUM|COPPER|RHODIUM|NIOBIUM|EUROPIUM|LEAD|TIN|TANTALUM|SILVER|"
            "COPPER_ALUMINUM|TITANIUM|CARBON"
        ),
        several=4,
        emptied=True,
    ),
    **_single(
        {
            # The scan of an enhanced tomogram
            "AcquisitionType": "SEQUENCED|SPIRAL|CONSTANT_ANGLE|STATIONARY|FREE",
            "ConstantVolumeFlag": _YES_NO,
            "FluoroscopyFlag": _YES_NO,
            "RotationDirection": "CW|CC",
            "ReconstructionAlgorithm": "FILTER_BACK_PROJ|ITERATIVE",
            "ConvolutionKernelGroup": "BRAIN|SOFT_TISSUE|LUNG|BONE|CONSTANT_ANGLE",
            "FilterType": "STRIP|WEDGE|BUTTERFLY|MULTIPLE|FLAT|SHAPED|NONE",
            # and of an enhanced magnetic resonance image
            "GradientOutputType": "DB_DT|ELECTRIC_FIELD|PER_NERVE_STIM",
            "OperatingModeType": "STATIC FIELD|RF|GRADIENT",
            "OperatingMode": (
                "IEC_NORMAL|IEC_FIRST_LEVEL|IEC_SECOND_LEVEL|MHW_NORMAL|MHW_NON_NORMAL|RESEARCH"
            ),
            "SpecificAbsorptionRateDefinition": (
                "IEC_WHOLE_BODY|IEC_PARTIAL_BODY|IEC_HEAD|IEC_LOCAL|MHW"
            ),
            "InPlanePhaseEncodingDirection": "ROW|COLUMN|OTHER",
            "InversionRecovery": _YES_NO,
            "FlowCompensation": "ACCELERATION|VELOCITY|OTHER|NONE",
            "FlowCompensationDirection": "PHASE|FREQUENCY|SLICE_SELECT|SLICE_AND_FREQ|OTHER",
            "Spoiling": "RF|GRADIENT|RF_AND_GRADIENT|NONE",
            "T2Preparation": _YES_NO,
            "SpectrallySelectedExcitation": "WATER|FAT|NONE",
            "SpatialPresaturation": "SLAB|NONE",
            "PartialFourier": _YES_NO,
            "PartialFourierDirection": "PHASE|FREQUENCY|SLICE_SELECT|COMBINATION",
            "ParallelAcquisition": _YES_NO,
            "ParallelAcquisitionTechnique": "PILS|SENSE|SMASH|OTHER",
            "MagnetizationTransfer": "ON_RESONANCE|OFF_RESONANCE|BOTH|NONE",
            "BloodSignalNulling": _YES_NO,
            "Tagging": "GRID|LINE|NONE",
            "ReceiveCoilType": "BODY|VOLUME|SURFACE|MULTICOIL",
            "QuadratureReceiveCoil": _YES_NO,
            "TransmitCoilType": "BODY|VOLUME|SURFACE",
        }
    ),
}
"""The terms of how a frame of an enhanced image was made."""
